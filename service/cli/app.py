"""All commands by name, and what an error looks like: one line on stderr and an exit code to trust."""

import sys
from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from models.errors import InterlockError

COMMANDS = {
    "demo": "service.cli.demo:demo",
    "serve": "service.cli.server:serve",
    "business": "service.cli.businesses:app",
    "slots": "service.cli.booking:slots",
    "book": "service.cli.booking:book",
    "cancel": "service.cli.booking:cancel",
    "move": "service.cli.attendance:move",
    "swap": "service.cli.attendance:swap",
    "mark": "service.cli.attendance:mark",
    "repeat": "service.cli.repeating:repeat",
    "schedule": "service.cli.repeating:schedule",
    "waitlist": "service.cli.booking:waitlist",
    "offers": "service.cli.repeating:offers",
    "optimise": "service.cli.optimisation:optimise",
    "allow": "service.cli.allowances:allow",
    "rules": "service.cli.allowances:rules",
    "replay": "service.cli.replay:replay",
    "audit": "service.cli.audit:app",
    "jobs": "service.cli.jobs:app",
    "worker": "service.cli.worker:worker",
    "account": "service.cli.people:accounts",
    "key": "service.cli.people:keys",
    "import": "service.cli.exchange:import_",
    "export": "service.cli.exchange:export",
    "backup": "service.cli.backup:backup",
    "restore": "service.cli.backup:restore",
    "db": "service.cli.database:app",
}
EXIT_CODES = """
Exit codes: 0 done · 1 refused, one line on stderr says why · 2 wrong usage · 3 not running or not reachable.
"""


class OnDemand(UserDict[str, Any]):
    """Commands that are imported when they are asked for: arrays and solver take a second that others need not wait."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer does not publish its commands' type
        module, _, attribute = self.data[name].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return get_group(found)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        alone.command(name)(found)
        return get_command(alone)


class Commands(TyperGroup):
    """`interlock` itself."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - whatever typer hands to a group
        super().__init__(**attributes)
        self.commands = OnDemand(COMMANDS)


app = typer.Typer(
    name="interlock",
    cls=Commands,
    help="Interlock: live slots, guarded bookings, and a solver that re-fits the book." + EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.callback()(lambda: None)


def main() -> None:
    """Run the command line; every domain error is one line."""
    try:
        app()
    except InterlockError as error:
        print(f"interlock: {error.detail}", file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(3 if error.status in (500, 503) else 1)
