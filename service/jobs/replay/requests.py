"""Appointment requests: the file that a replay runs on, row by row, with every fault named by row and column.

A fault of the file (a column missing, the end cut off) ends the reading. A fault of a row takes that row out
of the replay and into the list of bad rows: one that asks for a day already past, or gives a negative age, is
as wrong as one without a date.

The clock: `requested_at` ends in `Z`, yet its hours are office hours (from 6 to 21, with a dip at 12), so it
is read as the wall clock of the clinic, which the zone then turns into an instant.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize
from zoneinfo import ZoneInfo

from models.errors import InvalidInput

ZONE = ZoneInfo("America/Sao_Paulo")
COLUMNS = ("requested_at", "appointment_day", "clinic", "client", "age", "sms_received", "no_show")
FIRST, LAST = date(1970, 1, 1), date(2100, 1, 1)
ADVANCE = timedelta(days=366)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Request(NamedTuple):
    """Someone asked a clinic for a day.

    `requested_at` is aware, in UTC; `row` is the line of the file, the header being row 1.
    """

    row: int
    requested_at: datetime
    day: date
    clinic: str
    client: int
    age: int
    sms_received: bool
    no_show: bool


class BadRow(NamedTuple):
    """A row that cannot be replayed: which, the column at fault, and what is wrong with it."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class RequestFile:
    """What a file holds: the usable requests in order of `requested_at`, and the bad rows."""

    requests: list[Request]
    bad_rows: list[BadRow]

    def by_clinic(self) -> dict[str, list[Request]]:
        """Return the requests of each clinic, the busiest clinic first."""
        clinics: dict[str, list[Request]] = {}
        for request in self.requests:
            clinics.setdefault(request.clinic, []).append(request)
        return dict(sorted(clinics.items(), key=lambda item: (-len(item[1]), item[0])))


def read(path: Path) -> RequestFile:
    """Read a CSV of requests, plain or gzipped (by its first bytes, whatever its name).

    Raises
    ------
    InvalidInput
        The file cannot be opened, is cut off, is not CSV in UTF-8, or lacks a column: one line with row and
        column.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with path.open("rb") as raw:
            return _parsed(path, gzip.GzipFile(fileobj=raw) if zipped else raw)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}") from error


def write(path: Path, requests: Iterable[Request]) -> None:
    """Write requests as such a file, gzipped where the name ends in .gz."""
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for r in requests:
            moment = f"{r.requested_at.astimezone(ZONE):%Y-%m-%dT%H:%M:%SZ}"
            out.writerow((moment, r.day, r.clinic, r.client, r.age, int(r.sms_received), int(r.no_show)))


class _Lines:
    """The lines of a stream, counted, so that whatever goes wrong can be told with its row."""

    def __init__(self, path: Path, stream: Iterable[bytes]) -> None:
        self.path, self.stream = path, stream
        self.row = 0
        self.ended_in_newline = True

    def __iter__(self) -> Iterator[str]:
        try:
            for raw in self.stream:
                self.row += 1
                self.ended_in_newline = raw.endswith(b"\n")
                yield raw.decode("utf-8-sig" if self.row == 1 else "utf-8")
        except EOFError:
            self.row += 1
            raise self.fault("the file is cut off here: its gzip stream is truncated") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self.fault(f"the gzip stream is damaged ({error})") from None
        except UnicodeDecodeError as error:
            raise self.fault(f"not UTF-8 (byte {error.start + 1} of the row)") from None

    def fault(self, reason: str, column: str = COLUMNS[0]) -> InvalidInput:
        return InvalidInput(f"{self.path}, row {self.row}, column {column}: {reason}")


def _parsed(path: Path, stream: Iterable[bytes]) -> RequestFile:
    lines = _Lines(path, stream)
    rows = csv.reader(iter(lines), strict=True)
    requests: list[Request] = []
    bad_rows: list[BadRow] = []
    places: tuple[int, ...] | None = None
    try:
        for fields in rows:
            if places is None:
                places, width = _places(lines, fields), len(fields)
            elif fields:
                outcome = _request(lines.row, fields, places, width)
                if isinstance(outcome, Request):
                    requests.append(outcome)
                else:
                    bad_rows.append(outcome)
    except csv.Error as error:
        raise lines.fault(f"not CSV ({error})") from None
    if not lines.ended_in_newline and bad_rows and bad_rows[-1].row == lines.row:
        raise lines.fault(f"the file is cut off here ({bad_rows[-1].reason})", bad_rows[-1].column)
    if not requests:
        raise lines.fault("the file has no usable row" if places else "the file is empty: no header")
    requests.sort(key=lambda request: request.requested_at)
    return RequestFile(requests, bad_rows)


def _places(lines: _Lines, header: list[str]) -> tuple[int, ...]:
    names = [name.strip() for name in header]
    for column in COLUMNS:
        if column not in names:
            raise lines.fault(f"missing; the header has {', '.join(names)}", column)
    return tuple(names.index(column) for column in COLUMNS)


def _request(row: int, fields: list[str], places: tuple[int, ...], width: int) -> Request | BadRow:
    if len(fields) != width:
        absent = (column for column, place in zip(COLUMNS, places, strict=True) if place >= len(fields))
        return BadRow(row, next(absent, COLUMNS[-1]), f"{len(fields)} fields instead of {width}")
    values: list[Any] = []
    for column, place in zip(COLUMNS, places, strict=True):
        text = fields[place].strip()
        try:
            values.append(READ[column](text))
        except ValueError as error:
            return BadRow(row, column, f"{_shown(text)}: {error}")
    wall, day = values[0], values[1]
    if not wall.date() <= day <= wall.date() + ADVANCE:
        when = "before the day it was requested" if day < wall.date() else "over a year after the request"
        return BadRow(row, "appointment_day", f"{day} is {when}, {wall:%Y-%m-%d}")
    values[0] = wall.replace(tzinfo=ZONE).astimezone(UTC)
    return Request(row, *values)


def _moment(text: str) -> datetime:
    if not MOMENT.fullmatch(text):
        raise ValueError("not a time like 2016-04-29T18:38:08Z")
    moment = datetime.fromisoformat(text[:-1])
    _in_range(moment.date())
    return moment


def _day(text: str) -> date:
    if not DAY.fullmatch(text):
        raise ValueError("not a day like 2016-04-29")
    return _in_range(date.fromisoformat(text))


def _in_range(day: date) -> date:
    if not FIRST <= day < LAST:
        raise ValueError(f"not between {FIRST:%Y} and {LAST:%Y}")
    return day


def _clinic(text: str) -> str:
    name = normalize("NFC", text)
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise ValueError("not a name of 1 to 200 printable characters")
    return name


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read_whole(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18 and low <= int(text) <= high):
            raise ValueError(f"not a whole number from {low} to {high}")
        return int(text)

    return read_whole


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("not 0 or 1")
    return text == "1"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


READ: dict[str, Callable[[str], Any]] = {
    "requested_at": _moment,
    "appointment_day": _day,
    "clinic": _clinic,
    "client": _whole(0, 10**12),
    "age": _whole(0, 130),
    "sms_received": _flag,
    "no_show": _flag,
}
