"""How answers look: tables for people, JSON for scripts; and running a coroutine with a wired installation."""

import asyncio
import ctypes
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.console import Console
from rich.table import Table

from models.errors import InvalidInput
from models.zones import aware

if TYPE_CHECKING:
    from service.bootstrap import Interlock

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
BusinessName = Annotated[
    str, typer.Option("--business", "-b", envvar="INTERLOCK_BUSINESS", help="The business's public name.")
]

console = Console()


def with_installation(work: Callable[["Interlock"], Awaitable[T]]) -> T:
    """Run `work` on a wired installation and return its result."""
    from service.bootstrap import running  # noqa: PLC0415 - `interlock db` does without

    async def run() -> T:
        async with running() as interlock:
            return await work(interlock)

    return asyncio.run(run())


@contextmanager
def stray_lines_dropped() -> Iterator[None]:
    """While inside, what a library's C code prints on stdout of its own accord (HiGHS does) is dropped."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        # Its lines may wait in the C library's buffer still.
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def print_json(document: object) -> None:
    """Print one JSON document, and nothing else, on stdout."""
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode())


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a title."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console.print(table)


def parsed_time(text: str, zone: str) -> datetime:
    """Return an aware time; one without an offset is local time of the business.

    Raises
    ------
    InvalidInput
        Not an ISO time, or a local time that the change of clocks skips.
    """
    try:
        # As printed: the weekday is for people.
        moment = datetime.fromisoformat(text.partition(" (")[0])
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no time; write 2026-03-02T10:00.") from error
    if not 1970 < moment.year < 9000:
        raise InvalidInput(f"{text!r} is out of reach; write a year such as 2026.")
    return aware(moment, ZoneInfo(zone), text)


def shown(moment: datetime, zone: str) -> str:
    """Return a local time of the business that `--at` and `--from` take back: 2026-03-02 10:00 (Mon)."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M (%a)}"
