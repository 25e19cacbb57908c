"""`interlock audit`: what was done by whom, and whether the record of it is whole."""

from typing import Annotated
from uuid import UUID

import typer

from service.bootstrap import Interlock
from service.cli.output import AsJson, BusinessName, parsed_time, print_json, print_table, shown, with_installation
from service.queries import audit as queries
from service.queries import businesses
from service.queries.businesses import Business
from service.queries.paging import Page

EXIT_CODES = """
Exit codes: 0 done, and for `verify` whole · 1 a chain is broken · 2 wrong usage · 3 not running, or it cannot be.
"""
BROKEN = 1

app = typer.Typer(
    help="The audit: every change, by whom, from where, before and after, in a chain of hashes." + EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_entries(
    business: BusinessName,
    *,
    of: Annotated[UUID | None, typer.Option(help="Of one thing only: its id.")] = None,
    action: Annotated[str | None, typer.Option(help="An action, or its first part: appointment.")] = None,
    actor: Annotated[str | None, typer.Option(help="By whom.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Local time of the business.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Local time of the business.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the latest changes, newest first."""

    async def read(interlock: Interlock) -> tuple[Business, list[queries.AuditEntry]]:
        at = await businesses.by_slug(interlock.db, business)
        start, end = (None if text is None else parsed_time(text, at.zone) for text in (since, until))
        wanted = queries.AuditFilter(of, action, actor, start, end)
        return at, await queries.entries(interlock.db, at.id, wanted, Page(limit))

    at, entries = with_installation(read)
    if as_json:
        print_json(entries)
        return
    rows = [(shown(e.at, at.zone), e.actor, e.address or "", e.action, e.aggregate_id, e.after or "") for e in entries]
    print_table(f"Changes at {at.name} ({at.zone})", ["when", "who", "from", "what", "of", "after"], rows)


@app.command()
def verify(
    business: Annotated[
        str | None, typer.Option("--business", "-b", help="The business's public name; all of them if left out.")
    ] = None,
    *,
    head: Annotated[
        str | None, typer.Option(help="A head noted earlier (position:hash) that the chain must lead through.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check each link of the chain, to its end; print the head, to be noted where the database's owner cannot write."""
    if head is not None and business is None:
        raise typer.BadParameter("a head is one business's: name it with --business", param_hint="--head")

    async def check(interlock: Interlock) -> dict[str, queries.Verdict]:
        known = await queries.businesses(interlock.db)
        if business is not None:
            known = [((await businesses.by_slug(interlock.db, business)).id, business)]
        return {slug: await queries.verify(interlock.db, id_, head) for id_, slug in known}

    verdicts = with_installation(check)
    if as_json:
        print_json(verdicts)
    else:
        rows = [(slug, v.sealed, v.unsealed, v.broken or "whole", v.head) for slug, v in verdicts.items()]
        for slug, sealed, unsealed, state, last in rows:
            typer.echo(f"{slug}: {state}; {sealed} sealed, {unsealed} to be sealed; head {last}")
    raise typer.Exit(BROKEN if any(v.broken for v in verdicts.values()) else 0)
