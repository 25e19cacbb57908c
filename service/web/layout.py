"""Where things stand on the board: a pure function from a day's rows to coordinates in pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.queries.bookings import BookedItem
from service.queries.optimisation import Move

AXIS, WAITING, LANE = 56, 190, 150
"""Widths of the time axis, the waitlist column, and one staff member's lane."""
MINUTE = 1.2
CHIP, CHIP_GAP = 46, 8
MARGIN = 12


@dataclass(frozen=True, slots=True)
class Day:
    """The part of a day that is drawn: aware, half-open."""

    start: datetime
    end: datetime

    def y(self, moment: datetime) -> float:
        """Return the height of a moment below the top."""
        clipped = min(max(moment, self.start), self.end)
        return round(MARGIN + (clipped - self.start).total_seconds() / 60 * MINUTE, 1)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with its words; `kind` is its style."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    hue: int = 0
    title: str = ""
    detail: str = ""
    hint: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the page draws, in pixels."""

    width: float
    height: float
    hours: list[tuple[str, float]]
    lanes: list[tuple[str, float, str]]
    work: list[Box]
    buffers: list[Box]
    blocks: list[Box]
    chips: list[Box]
    arrows: list[tuple[str, str]]
    now_y: float | None


@dataclass(frozen=True, slots=True)
class LaneOfDay:
    """One staff member's day: working spans, claimed and worked minutes."""

    staff_id: UUID
    name: str
    work: list[tuple[datetime, datetime]]
    booked_minutes: int
    worked_minutes: int


def drawn_day(
    lanes: Sequence[LaneOfDay], items: Sequence[BookedItem], midnight: datetime, next_midnight: datetime
) -> Day:
    """Return the hours worth drawing: from the first opening or claim to the last, 09:00 to 17:00 if there are none."""
    times = [t for lane in lanes for span in lane.work for t in span]
    times += [t for item in items for t in (item.claim_starts_at, item.claim_ends_at)]
    times = [min(max(t, midnight), next_midnight) for t in times]
    if not times:
        return Day(midnight.replace(hour=9), midnight.replace(hour=17))
    first, last = min(times).astimezone(midnight.tzinfo), max(times).astimezone(midnight.tzinfo)
    start = first.replace(minute=0)
    return Day(max(start, midnight), last)


def board(
    day: Day,
    lanes: Sequence[LaneOfDay],
    items: Sequence[BookedItem],
    moves: Sequence[Move],
    hours: Sequence[datetime],
    now: datetime,
) -> Board:
    """Place a day's items and a plan's moves; items and moves of unknown staff are not drawn."""
    x_of = {lane.staff_id: AXIS + WAITING + i * LANE for i, lane in enumerate(lanes)}
    hue_of = {
        name: (i * 47 + 205) % 360
        for i, name in enumerate(sorted({i.service for i in items} | {m.service for m in moves}))
    }
    placed = {(m.staff_id, m.starts_at): m for m in moves if m.status == "applied"}
    drawn = [item for item in items if item.staff_id in x_of]
    shown_moves = [m for m in moves if m.staff_id in x_of]
    ghosts = [_ghost(day, m, x_of[m.staff_id], hue_of[m.service]) for m in shown_moves if m.status != "applied"]
    blocks = [_block(day, i, x_of[i.staff_id], hue_of[i.service], placed.get((i.staff_id, i.starts_at))) for i in drawn]
    chips = [_chip(n, m, hue_of[m.service]) for n, m in enumerate(shown_moves)]
    height = max(day.y(day.end) + MARGIN, MARGIN + len(chips) * (CHIP + CHIP_GAP))
    return Board(
        width=AXIS + WAITING + LANE * max(len(lanes), 1) + MARGIN,
        height=height,
        hours=[(f"{h:%H:%M}", day.y(h)) for h in hours],
        lanes=[(lane.name, x_of[lane.staff_id], _load(lane)) for lane in lanes],
        work=[_span(day, a, b, x_of[lane.staff_id]) for lane in lanes for a, b in lane.work],
        buffers=[box for i in drawn for box in _buffers(day, i, x_of[i.staff_id])],
        blocks=[*blocks, *ghosts],
        chips=chips,
        arrows=[_arrow(chip, day, m, x_of[m.staff_id]) for chip, m in zip(chips, shown_moves, strict=True)],
        now_y=day.y(now) if day.start <= now < day.end else None,
    )


def _load(lane: LaneOfDay) -> str:
    if lane.worked_minutes == 0:
        return "off today"
    return f"{min(100, round(100 * lane.booked_minutes / lane.worked_minutes))} % booked"


def _span(day: Day, start: datetime, end: datetime, x: float, kind: str = "work") -> Box:
    top = day.y(start)
    return Box(x + 3, top, LANE - 6, round(day.y(end) - top, 1), kind)


def _buffers(day: Day, item: BookedItem, x: float) -> list[Box]:
    spans = [(item.claim_starts_at, item.starts_at), (item.ends_at, item.claim_ends_at)]
    return [_span(day, start, end, x, "buffer") for start, end in spans if end > start]


def _block(day: Day, item: BookedItem, x: float, hue: int, move: Move | None) -> Box:
    kind = "placed" if move is not None else item.status
    span = _span(day, item.starts_at, item.ends_at, x)
    hint = f"{item.client or 'held'}: {item.service}" + (f". {move.reason}" if move is not None else "")
    return Box(
        span.x, span.y, span.width, span.height, kind, hue, item.client or "held", item.service, hint, str(item.id)
    )


def _ghost(day: Day, move: Move, x: float, hue: int) -> Box:
    span = _span(day, move.starts_at, move.ends_at, x)
    hint = f"{move.client}: {move.service}. {move.refusal or move.reason}"
    return Box(span.x, span.y, span.width, span.height, move.status, hue, move.client, move.service, hint, str(move.id))


def _chip(number: int, move: Move, hue: int) -> Box:
    y = MARGIN + number * (CHIP + CHIP_GAP)
    hint = move.refusal or move.reason
    return Box(AXIS + 8, y, WAITING - 40, CHIP, move.status, hue, move.client, move.service, hint, str(move.id))


def _arrow(chip: Box, day: Day, move: Move, x: float) -> tuple[str, str]:
    start_x, start_y = chip.x + chip.width, chip.y + CHIP / 2
    end_x, end_y = x + 3, (day.y(move.starts_at) + day.y(move.ends_at)) / 2
    bend = start_x + 40
    return f"M {start_x} {start_y} C {bend} {start_y}, {end_x - 40} {end_y}, {end_x} {end_y:.1f}", move.status
