"""All commands by name, and what an error looks like: one line on stderr and an exit code to trust."""

import sys

import typer

from models.errors import InterlockError
from service.cli import booking, database, demo, optimisation, replay, server

EXIT_CODES = """
Exit codes: 0 done · 1 refused, one line on stderr says why · 2 wrong usage · 3 not running or not reachable.
"""

app = typer.Typer(
    name="interlock",
    help="Interlock: live slots, guarded bookings, and a solver that re-fits the book." + EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(database.app, name="db")
app.command("demo")(demo.demo)
app.command("serve")(server.serve)
app.command("slots")(booking.slots)
app.command("book")(booking.book)
app.command("cancel")(booking.cancel)
app.command("waitlist")(booking.waitlist)
app.command("optimise")(optimisation.optimise)
app.command("replay")(replay.replay)


def main() -> None:
    """Run the command line; every domain error is one line."""
    try:
        app()
    except InterlockError as error:
        print(f"interlock: {error.detail}", file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(3 if error.status in (500, 503) else 1)
