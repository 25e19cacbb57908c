"""`interlock account` and `interlock key`: who signs in, and which programs act."""

import secrets
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from models.errors import InvalidInput, NotFound
from models.permissions import KEY_SCOPES, Role
from service.bootstrap import Interlock
from service.cli.output import AsJson, BusinessName, parsed_time, print_json, print_table, with_installation
from service.commands import accounts as account_commands
from service.commands import keys as key_commands
from service.commands import members, sessions
from service.db.command import Scope
from service.queries import accounts as account_queries
from service.queries import businesses
from service.queries import members as member_queries

accounts = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who signs in, and as what.")
keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="API keys: programs that act in one business.")
Address = Annotated[str, typer.Argument(help="The e-mail address.")]
OfBusiness = Annotated[
    str | None, typer.Option("--business", "-b", envvar="INTERLOCK_BUSINESS", help="The business's public name.")
]


async def _scope(interlock: Interlock, slug: str) -> Scope:
    business = await businesses.by_slug(interlock.db, slug)
    return Scope(interlock.db, business.id, actor="cli")


@accounts.command("add")
def add(
    email: Address,
    *,
    name: Annotated[str | None, typer.Option(help="The address if left out.")] = None,
    business: OfBusiness = None,
    role: Annotated[Role, typer.Option(help="What they are in the business.")] = Role.OWNER,
    staff: Annotated[UUID | None, typer.Option(help="The staff member that they are.")] = None,
    client: Annotated[UUID | None, typer.Option(help="The client that they are.")] = None,
    ask: Annotated[
        bool, typer.Option("--ask-password", help="Ask for the password; drawn and printed if not.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add an account, with a place in a business; or another place for one that is there."""
    if business is None and role is not Role.PLATFORM_ADMIN:
        raise InvalidInput("Name the --business that they belong to, or --role platform_admin.")
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else secrets.token_urlsafe(12)

    async def work(interlock: Interlock) -> tuple[UUID, bool]:
        try:
            known = await account_commands.by_email(interlock.db, email)
            account_id, is_new = known.id, False
        except NotFound:
            admin = role is Role.PLATFORM_ADMIN
            new = account_commands.NewAccount(email, name or email, password, admin)
            account_id, is_new = await account_commands.add(interlock.db, new), True
        if business is not None:
            place = members.Place(role, staff, client)
            await members.assign(await _scope(interlock, business), members.Assignment(account_id, place))
        return account_id, is_new

    account_id, is_new = with_installation(work)
    if as_json:
        print_json({"id": account_id, "email": email, "password": password if is_new and not ask else None})
    else:
        typer.echo(f"{email} is {role.value.replace('_', ' ')}{f' of {business}' if business else ''}.")
        if is_new and not ask:
            typer.echo(f"Password, shown this once: {password}")


@accounts.command("list")
def list_members(business: BusinessName, *, as_json: AsJson = False) -> None:
    """Who belongs to a business."""

    async def work(interlock: Interlock) -> list[member_queries.Member]:
        return await member_queries.members(interlock.db, (await _scope(interlock, business)).business_id)

    found = with_installation(work)
    if as_json:
        print_json(found)
    else:
        print_table(f"Members of {business}", ["e-mail", "name", "role"], [(m.email, m.name, m.role) for m in found])


@accounts.command("show")
def show(email: Address, *, as_json: AsJson = False) -> None:
    """To which businesses somebody belongs."""

    async def work(interlock: Interlock) -> account_queries.Account:
        known = await account_commands.by_email(interlock.db, email)
        return await account_queries.read(interlock.db, known.id)

    account = with_installation(work)
    if as_json:
        print_json(account)
    else:
        print_table(
            f"{account.name} <{account.email}>", ["business", "role"], [(m.slug, m.role) for m in account.memberships]
        )


@accounts.command("password")
def password(email: Address) -> None:
    """Set a password; every session of the account ends."""
    chosen = typer.prompt("New password", hide_input=True, confirmation_prompt=True)

    async def work(interlock: Interlock) -> None:
        known = await account_commands.by_email(interlock.db, email)
        await account_commands.set_password(interlock.db, known.id, chosen)

    with_installation(work)
    typer.echo(f"{email} has a new password.")


@accounts.command("link")
def link(email: Address) -> None:
    """Print a link that signs somebody in once, within a day."""

    async def work(interlock: Interlock) -> str:
        known = await account_commands.by_email(interlock.db, email)
        return await sessions.sign_in_link(interlock.db, known.id)

    typer.echo(f"/login?token={with_installation(work)}")


@accounts.command("disable")
def disable(email: Address) -> None:
    """Let somebody in no more."""

    async def work(interlock: Interlock) -> None:
        known = await account_commands.by_email(interlock.db, email)
        await account_commands.disable(interlock.db, known.id)

    with_installation(work)
    typer.echo(f"{email} is disabled; every session has ended.")


@keys.command("add")
def add_key(
    business: BusinessName,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    *,
    scope: Annotated[list[str] | None, typer.Option(help="What it may; everything a key may if left out.")] = None,
    until: Annotated[str | None, typer.Option(help="When it expires, local time of the business.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key; it is printed this once."""

    async def work(interlock: Interlock) -> key_commands.Key:
        of = await businesses.by_slug(interlock.db, business)
        expires: datetime | None = None if until is None else parsed_time(until, of.zone)
        new = key_commands.NewKey(name, tuple(scope or sorted(KEY_SCOPES)), expires)
        return await key_commands.create(Scope(interlock.db, of.id, actor="cli"), new)

    made = with_installation(work)
    if as_json:
        print_json({"id": made.id, "prefix": made.prefix, "key": made.key})
    else:
        typer.echo(made.key)


@keys.command("list")
def list_keys(business: BusinessName, *, as_json: AsJson = False) -> None:
    """The keys of a business with their scopes and last use."""

    async def work(interlock: Interlock) -> list[member_queries.ListedKey]:
        return await member_queries.keys(interlock.db, (await _scope(interlock, business)).business_id)

    found = with_installation(work)
    if as_json:
        print_json(found)
    else:
        rows = [
            (k.prefix, k.name, " ".join(k.scopes), k.last_used_at or "never", "revoked" if k.revoked_at else "")
            for k in found
        ]
        print_table(f"Keys of {business}", ["prefix", "for", "scopes", "last used", ""], rows)


@keys.command("revoke")
def revoke(business: BusinessName, prefix: Annotated[str, typer.Argument(help="The key's prefix, or its id.")]) -> None:
    """Revoke a key at once."""

    async def work(interlock: Interlock) -> str:
        scope = await _scope(interlock, business)
        for key in await member_queries.keys(interlock.db, scope.business_id):
            if prefix in (key.prefix, f"ilk_{key.prefix}", str(key.id)) and key.revoked_at is None:
                await key_commands.revoke(scope, key.id)
                return key.prefix
        raise NotFound(f"{business} has no live key {prefix!r}.")

    typer.echo(f"revoked {with_installation(work)}")
