"""Where things stand on a day's drawing: a pure function from lanes, claims and moves to coordinates.

Across in hundredths of the width that the lanes share, down in pixels.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from service.queries.boards import Claim

LANE, MARGIN = 150, 12
"""Pixels that a lane has at least, and the space above and below."""
INSET = 0.02
"""The part of a lane that stays free on either side of what stands on it."""
MINUTE = 1.2
HUES = 12
Say = Callable[[str], str]
"""Turns English into the page's language."""
"""Fills of services; the stylesheet has as many."""


@dataclass(frozen=True, slots=True)
class Column:
    """One lane's day: working spans (aware, half-open), claimed and worked minutes. `id` is the staff member's."""

    id: UUID
    lane_no: int
    name: str
    work: tuple[tuple[datetime, datetime], ...]
    booked_minutes: int
    worked_minutes: int

    @property
    def load(self) -> int | None:
        """How much of the day is booked, in hundredths; None where nothing is worked."""
        if self.worked_minutes == 0:
            return None
        return min(100, round(100 * self.booked_minutes / self.worked_minutes))

    @property
    def idle(self) -> int:
        """Minutes worked and not claimed."""
        return max(self.worked_minutes - self.booked_minutes, 0)


@dataclass(frozen=True, slots=True)
class Day:
    """The part of a day that is drawn: aware, half-open; and how many lanes share the width."""

    start: datetime
    end: datetime
    lanes: int = 1

    @property
    def lane(self) -> float:
        """How wide a lane is, in hundredths."""
        return 100 / self.lanes

    def y(self, moment: datetime) -> float:
        """Return the height of a moment below the top."""
        clipped = min(max(moment, self.start), self.end)
        return round(MARGIN + (clipped - self.start).total_seconds() / 60 * MINUTE, 1)

    @property
    def height(self) -> float:
        """The height of the drawing."""
        return self.y(self.end) + MARGIN


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, across in hundredths, with its words; `kind` is its style, `late` an alarm, `key` what it is."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    hue: int = 0
    title: str = ""
    detail: str = ""
    hint: str = ""
    key: str = ""
    version: int = 0
    minutes: int = 0
    late: bool = False
    staff: str = ""
    came: tuple[float, float] | None = None
    """How far it is from here to where it came from."""


@dataclass(frozen=True, slots=True)
class Ghost:
    """A place in a plan: somebody with a service at a time on a lane; `before` is where they are now, if booked."""

    key: UUID
    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    title: str
    service: str
    hint: str
    status: str
    before: tuple[UUID, datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """A free time that somebody who waits would take: aware, half-open, on a staff member's lane."""

    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    client: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """The way of a booking that a plan moves, and where it ends."""

    path: str
    x: float
    y: float
    status: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything that a day's drawing consists of; `least` is the pixels that its lanes need."""

    start: datetime
    height: float
    lane: float
    least: int
    hours: list[tuple[str, float]]
    heads: list[tuple[Column, float]]
    work: list[Box]
    buffers: list[Box]
    blocks: list[Box]
    ghosts: list[Box] = field(default_factory=list)
    openings: list[Box] = field(default_factory=list)
    arrows: list["Arrow"] = field(default_factory=list)
    now_y: float | None = None
    minute: float = MINUTE


def drawn_day(
    columns: Sequence[Column],
    claims: Iterable[Claim],
    midnight: datetime,
    tomorrow: datetime,
    ghosts: Iterable[Ghost] = (),
) -> Day:
    """Return the hours worth drawing: from the first opening or visit to the last, 09:00 to 17:00 where none is."""
    lanes = max(len(columns), 1)
    times = [t for column in columns for span in column.work for t in span]
    times += [t for c in claims if c.starts_at for t in (c.claim_starts_at, c.claim_ends_at)]
    times += [t for g in ghosts if midnight <= g.starts_at < tomorrow for t in (g.starts_at, g.ends_at)]
    times = [min(max(t, midnight), tomorrow) for t in times]
    if not times:
        return Day(midnight.replace(hour=9), midnight.replace(hour=17), lanes)
    first, last = min(times).astimezone(midnight.tzinfo), max(times).astimezone(midnight.tzinfo)
    whole = last if last == last.replace(minute=0) else last.replace(minute=0) + timedelta(hours=1)
    return Day(max(first.replace(minute=0), midnight), min(whole, tomorrow), lanes)


def drawing(
    day: Day,
    columns: Sequence[Column],
    claims: Sequence[Claim],
    now: datetime,
    ghosts: Sequence[Ghost] = (),
    say: Say = str,
) -> Drawing:
    """Place a day's claims and a plan's ghosts; what stands on no lane shown is left out."""
    x_of = {column.lane_no: i * day.lane for i, column in enumerate(columns)}
    x_of_id = {column.id: x_of[column.lane_no] for column in columns}
    hues = hue_of({c.service for c in claims if c.service} | {g.service for g in ghosts})
    marks = {(g.staff_id, g.starts_at): "placed" for g in ghosts if g.status == "applied"}
    marks |= {g.before[:2]: "leaving" for g in ghosts if g.status == "planned" and g.before}
    shown = [g for g in ghosts if g.staff_id in x_of_id and day.start <= g.starts_at < day.end]
    return Drawing(
        start=day.start,
        height=day.height,
        lane=day.lane,
        least=LANE * day.lanes,
        hours=_hours(day),
        heads=[(column, x_of[column.lane_no]) for column in columns],
        work=[_span(day, a, b, x_of[column.lane_no], "work") for column in columns for a, b in column.work],
        buffers=[box for c in claims for box in _buffers(day, c, x_of[c.lane_no])],
        blocks=[_block(day, c, x_of[c.lane_no], hues, now, marks, say) for c in claims],
        ghosts=[_ghost(day, g, x_of_id, hues) for g in shown if g.status != "applied"],
        arrows=[arrow for g in shown if g.before and (arrow := _arrow(day, g, x_of_id)) is not None],
        now_y=day.y(now) if day.start <= now < day.end else None,
    )


def opened(drawn: Drawing, day: Day, columns: Sequence[Column], openings: Sequence[Opening]) -> Drawing:
    """Return a drawing with a mark where those who wait would fit; who wants the same time shares one."""
    x_of = {column.id: i * day.lane for i, column in enumerate(columns)}
    shown = [o for o in openings if o.staff_id in x_of and day.start <= o.starts_at < day.end]
    shared: list[list[Opening]] = []
    for o in sorted(shown, key=lambda o: (x_of[o.staff_id], o.starts_at)):
        last = shared[-1] if shared else []
        if last and last[0].staff_id == o.staff_id and o.starts_at < max(other.ends_at for other in last):
            last.append(o)
        else:
            shared.append([o])
    return replace(drawn, openings=[_opening(day, of_one, x_of[of_one[0].staff_id]) for of_one in shared])


def _opening(day: Day, of_one: Sequence[Opening], x: float) -> Box:
    first, *rest = of_one
    span = _span(day, first.starts_at, max(o.ends_at for o in of_one), x, "opening")
    return replace(span, title=f"{first.client} +{len(rest)}" if rest else first.client)


def hue_of(services: Iterable[str]) -> dict[str, int]:
    """Return a fill for each service, neighbours in the alphabet far apart."""
    return {name: (i * 5) % HUES for i, name in enumerate(sorted(services))}


def _hours(day: Day) -> list[tuple[str, float]]:
    found, moment = [], day.start
    while moment <= day.end:
        found.append((f"{moment.astimezone(day.start.tzinfo):%H:%M}", day.y(moment)))
        moment += timedelta(hours=1)
    return found


def _span(day: Day, start: datetime, end: datetime, x: float, kind: str) -> Box:
    top = day.y(start)
    return Box(
        round(x + INSET * day.lane, 3), top, round((1 - 2 * INSET) * day.lane, 3), round(day.y(end) - top, 1), kind
    )


def _buffers(day: Day, claim: Claim, x: float) -> list[Box]:
    if claim.starts_at is None or claim.ends_at is None:
        return []
    spans = [(claim.claim_starts_at, claim.starts_at), (claim.ends_at, claim.claim_ends_at)]
    return [_span(day, start, end, x, "buffer") for start, end in spans if end > start]


def _block(
    day: Day,
    claim: Claim,
    x: float,
    hues: dict[str, int],
    now: datetime,
    marks: dict[tuple[UUID, datetime], str],
    say: Say,
) -> Box:
    if claim.starts_at is None or claim.ends_at is None:
        span = _span(day, claim.claim_starts_at, claim.claim_ends_at, x, "off")
        return Box(span.x, span.y, span.width, span.height, "off", title=say(claim.who), hint=say(claim.who))
    status = claim.status or "confirmed"
    span = _span(day, claim.starts_at, claim.ends_at, x, status)
    service, client = claim.service or "", say(claim.who)
    mark = marks.get((claim.staff_id, claim.starts_at)) if claim.staff_id else None
    zone = day.start.tzinfo
    late = claim.status == "confirmed" and claim.starts_at < now < claim.ends_at
    times = f"{claim.starts_at.astimezone(zone):%H:%M} {say('to')} {claim.ends_at.astimezone(zone):%H:%M}"
    return Box(
        span.x,
        span.y,
        span.width,
        max(span.height, 6),
        mark or status,
        hues[service],
        client,
        service,
        f"{times}, {client}: {service} ({say('late' if late else status.replace('_', ' '))})",
        str(claim.id or ""),
        claim.version or 0,
        int((claim.ends_at - claim.starts_at).total_seconds() // 60),
        late=late,
        staff=str(claim.staff_id or ""),
    )


def _ghost(day: Day, ghost: Ghost, x_of: dict[UUID, float], hues: dict[str, int]) -> Box:
    span = _span(day, ghost.starts_at, ghost.ends_at, x_of[ghost.staff_id], ghost.status)
    return replace(
        span,
        hue=hues[ghost.service],
        title=ghost.title,
        detail=ghost.service,
        hint=ghost.hint,
        key=str(ghost.key),
        came=_came(day, ghost, x_of),
    )


def _came(day: Day, ghost: Ghost, x_of: dict[UUID, float]) -> tuple[float, float] | None:
    if ghost.before is None or ghost.before[0] not in x_of or not day.start <= ghost.before[1] < day.end:
        return None
    return round(x_of[ghost.before[0]] - x_of[ghost.staff_id], 3), round(
        day.y(ghost.before[1]) - day.y(ghost.starts_at), 1
    )


def _arrow(day: Day, ghost: Ghost, x_of: dict[UUID, float]) -> Arrow | None:
    staff_id, starts_at, ends_at = ghost.before or (ghost.staff_id, ghost.starts_at, ghost.ends_at)
    if staff_id not in x_of or not day.start <= starts_at < day.end:
        return None
    middles = [(day.y(a) + day.y(b)) / 2 for a, b in ((starts_at, ends_at), (ghost.starts_at, ghost.ends_at))]
    start_x, end_x = (round(x_of[who] + day.lane / 2, 2) for who in (staff_id, ghost.staff_id))
    bend = (middles[0] + middles[1]) / 2
    aside = 0.4 * day.lane if start_x == end_x else 0
    path = f"M {start_x} {middles[0]:.1f} C {start_x + aside:.2f} {bend:.1f}, {end_x + aside:.2f} {bend:.1f}, "
    return Arrow(f"{path}{end_x} {middles[1]:.1f}", end_x, round(middles[1], 1), ghost.status)
