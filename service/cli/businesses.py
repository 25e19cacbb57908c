"""`interlock business`: open one from a file, show what it sells and with whom."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from uuid_utils.compat import uuid7

from service.bootstrap import Interlock
from service.cli.description import read
from service.cli.output import AsJson, BusinessName, print_json, print_table, with_installation
from service.commands.availability import Holidays, add_holidays, public_holidays
from service.commands.businesses import open_business
from service.db.command import Scope
from service.queries import businesses

app = typer.Typer(help="The businesses of this installation.", no_args_is_help=True, rich_markup_mode=None)


@app.command("open")
def open_(
    file: Annotated[Path, typer.Argument(help="What it is called, sells and with whom, in TOML: examples/salon.toml.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Open a business that a file describes, or nothing of it."""
    opening, country = read(file)
    years = (datetime.now(UTC).year, datetime.now(UTC).year + 1)
    closed = () if country is None else tuple(public_holidays(country, None, years))

    async def work(interlock: Interlock) -> Scope:
        scope = Scope(interlock.db, uuid7(), actor="cli")
        await open_business(scope, opening)
        if closed:
            await add_holidays(scope, Holidays(closed))
        return scope

    scope = with_installation(work)
    if as_json:
        print_json({"id": scope.business_id, "slug": opening.slug})
    else:
        typer.echo(f"opened {opening.name}: {len(opening.staff)} staff, {len(opening.services)} services")
        if opening.services:
            typer.echo(f"ask: interlock slots --business {opening.slug} --service {opening.services[0].name!r}")


@app.command()
def show(business: BusinessName, *, as_json: AsJson = False) -> None:
    """What a business sells, and with whom."""

    async def work(
        interlock: Interlock,
    ) -> tuple[businesses.Business, list[businesses.Service], list[businesses.Staff]]:
        found = await businesses.by_slug(interlock.db, business)
        services = await businesses.services(interlock.db, found.id)
        return found, services, await businesses.staff(interlock.db, found.id)

    found, services, staff = with_installation(work)
    if as_json:
        print_json({"business": found, "services": services, "staff": staff})
        return
    print_table(
        f"{found.name} ({found.zone})",
        ("Service", "Minutes", "Buffers", "Price"),
        [(s.name, s.duration, f"{s.buffer_before}+{s.buffer_after}", f"{s.price_cents / 100:.2f}") for s in services],
    )
    typer.echo("Staff: " + (", ".join(member.name for member in staff) or "nobody yet"))
