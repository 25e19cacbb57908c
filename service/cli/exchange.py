"""`interlock import` and `interlock export`: a business's tables as CSV, its bookings as iCalendar too."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from models.errors import InterlockError, InvalidInput
from service.bootstrap import Interlock
from service.cli.output import AsJson, BusinessName, print_json, with_installation
from service.commands import imports
from service.db.command import Scope
from service.queries import businesses, exports

Kind = Annotated[str, typer.Argument(help="clients, staff, services, bookings, or calendar.")]


def import_(
    kind: Kind,
    file: Annotated[
        Path, typer.Argument(help="CSV whose first line names the columns, or for calendar an iCalendar file; UTF-8.")
    ],
    business: BusinessName,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and leave nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take over every row of a table or event of a calendar, or, where any is bad, none; the bad ones are listed."""
    try:
        wanted = imports.Import(kind, file.read_text("utf-8"), dry_run)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from error

    async def work(interlock: Interlock) -> imports.Imported:
        found = await businesses.by_slug(interlock.db, business)
        return await imports.import_table(Scope(interlock.db, found.id, actor="cli"), wanted)

    try:
        done = with_installation(work)
    except InterlockError as error:
        bad = error.fields.get("rows")
        for row in bad if isinstance(bad, list) else []:
            typer.echo(f"{file}:{row['line']}: {row['detail']}", err=True)
        raise
    if as_json:
        print_json(done)
    else:
        typer.echo(f"{done.rows} {done.kind} {'would be' if dry_run else 'were'} imported")


def export(
    kind: Kind,
    business: BusinessName,
    *,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How far ahead bookings are taken.")] = 366,
) -> None:
    """Print a table as CSV, or the bookings as an iCalendar file, on stdout."""

    async def work(interlock: Interlock) -> str:
        found = await businesses.by_slug(interlock.db, business)
        now = datetime.now(UTC)
        span = now - timedelta(days=7), now + timedelta(days=days)
        if kind == "calendar":
            return (await exports.calendar(interlock.db, found.id, span)).decode()
        return await exports.table(interlock.db, found.id, kind, span)

    typer.echo(with_installation(work), nl=False)
