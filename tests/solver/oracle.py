"""The slot finder once more, minute by minute in plain Python: slow, and with no idea in common with the arrays."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate, product
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = 1440


@dataclass
class World:
    """A business as plain values; times are epoch minutes, hours are wall minutes of a local date.

    Lanes (staff and resources) are names. Service 0 is asked for, 1 is another.
    """

    zone: str
    first_day: date
    days: int
    shifts: dict[str, dict[date, list[tuple[int, int]]]]
    busy: dict[str, list[tuple[int, int]]]
    durations: dict[str, int | None]
    before: int = 0
    after: int = 0
    interval: int = 15
    notice: int = 0
    advance: int = 366
    now: int = 0
    offset: int = 0
    anchor: str = "clock"
    zones: dict[str, str] = field(default_factory=dict)
    weekly: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    holidays: list[date] = field(default_factory=list)
    blocks: dict[str, dict[date, list[tuple[int, int]]]] = field(default_factory=dict)
    by_staff: bool = False
    asked: list[str] | None = None
    first_date: date | None = None
    last_date: date | None = None
    windows: list[tuple[int, int, int]] = field(default_factory=list)
    daily: int | None = None
    weekly_limit: int | None = None
    client_daily: int | None = None
    client_weekly: int | None = None
    staff_limits: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    booked: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    client_booked: list[int] = field(default_factory=list)
    seats: int = 1
    sessions: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    resources: list[tuple[str, str]] = field(default_factory=list)
    requirements: list[tuple[str, int, int | None]] = field(default_factory=list)
    moving: list[tuple[str, int, int, int, int]] = field(default_factory=list)


def minute_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY


class Clock:
    """What a zone's clock shows at every minute around a date: local minutes since 1970."""

    def __init__(self, zone: str, first: int, last: int) -> None:
        self.first = first
        self.shows = [wall(m, ZoneInfo(zone)) for m in range(first, last)]
        self._latest = list(accumulate(self.shows, max))
        self._earliest = list(accumulate(reversed(self.shows), min))[::-1]

    def __getitem__(self, minute: int) -> int:
        return self.shows[minute - self.first]

    def first_at(self, local: int) -> int:
        """The first minute at which the clock has reached a local time."""
        return self.first + bisect_left(self._latest, local)

    def last_before(self, local: int) -> int:
        """The last minute at which the clock has yet to reach a local time."""
        return self.first + bisect_left(self._earliest, local) - 1


def wall(minute: int, zone: ZoneInfo) -> int:
    return ((EPOCH + minute * MINUTE).astimezone(zone).replace(tzinfo=UTC) - EPOCH) // MINUTE


@lru_cache(maxsize=64)
def clock(zone: str, first: int, last: int) -> Clock:
    return Clock(zone, first, last)


def shown(world: World, zone: str) -> Clock:
    start = minute_of(world.first_day)
    return clock(zone, start - 10 * DAY, start + 14 * DAY)


def minutes_of(world: World, zone: str, spans: dict[date, list[tuple[int, int]]]) -> dict[int, int]:
    """Every minute of some wall spans inside the horizon, with the minute its span begins.

    A span runs from the first time its opening is reached to the last before its closing; of spans that share a
    minute because an hour repeats, the one that began first has it.
    """
    clock, found = shown(world, zone), []
    for day, of_day in spans.items():
        for opens, closes in of_day:
            found.append((clock.first_at(minute_of(day) + opens), clock.last_before(minute_of(day) + closes)))
    start, minutes = minute_of(world.first_day), {}
    for first, last in sorted(found):
        for m in range(max(first, start), min(last + 1, start + world.days * DAY)):
            minutes.setdefault(m, first)
    return minutes


def working(world: World, lane: str) -> dict[int, int]:
    """Every minute a lane works, with the minute the shift began."""
    zone = world.zones.get(lane, world.zone)
    staff = lane in world.durations
    if not staff and lane not in world.weekly and lane not in world.shifts:
        start = minute_of(world.first_day)
        return dict.fromkeys(range(start, start + world.days * DAY), start)
    spans = {}
    for ahead in range(-2, world.days + 2):
        day = world.first_day + timedelta(days=ahead)
        if day in world.shifts.get(lane, {}):
            spans[day] = world.shifts[lane][day]
        elif not (staff and day in world.holidays):
            spans[day] = [(o, c) for weekday, o, c in world.weekly.get(lane, []) if weekday == day.weekday()]
    return minutes_of(world, zone, spans)


def slots(world: World, lo: int, hi: int) -> set[tuple[str, int]]:
    """Every legal (staff member, start) with lo <= start < hi."""
    return set(answers(world, lo, hi))


def answers(world: World, lo: int, hi: int) -> dict[tuple[str, int], tuple[int, tuple[str | None, ...]]]:
    """Every legal (staff member, start), with the seats left and the resources it would take."""
    world = rescheduled(world)
    rooms = {name: working(world, name) for name, _ in world.resources}
    start, end = minute_of(world.first_day), minute_of(world.first_day) + world.days * DAY
    bounds = range(max(lo, start, world.now + world.notice), min(hi, end, world.now + world.advance * DAY + 1))
    found = {}
    for member, duration in world.durations.items():
        if duration is None or (world.asked is not None and member not in world.asked):
            continue
        zone = world.zones.get(member, world.zone)
        hidden = {} if world.by_staff else minutes_of(world, zone, world.blocks.get(member, {}))
        groups = {s: left for service, s, left in world.sessions.get(member, []) if service == 0}
        worked, shows = working(world, member), shown(world, zone)
        for s in bounds:
            if s in groups:
                if groups[s] and allowed(world, s) and not any(m in hidden for m in range(s, s + duration)):
                    found[member, s] = (groups[s], (None,) * len(world.requirements))
                continue
            if s not in worked or not on_grid(world, s, worked[s], shows[s]) or not allowed(world, s):
                continue
            if not all(m in worked and m not in hidden for m in range(s, s + duration)):
                continue
            if not free(world, member, s - world.before, s + duration + world.after) or full(world, member, s):
                continue
            taken = rooms_for(world, rooms, s, s + duration)
            if taken is not None:
                found[member, s] = (world.seats, taken)
    limits = (world.client_daily, world.client_weekly)
    return {k: v for k, v in found.items() if not reached(world, k[1], world.client_booked, limits)}


def on_grid(world: World, start: int, shift: int, local: int) -> bool:
    since = start - shift if world.anchor == "shift" else local % DAY
    return since >= world.offset and (since - world.offset) % world.interval == 0


def allowed(world: World, start: int) -> bool:
    local = shown(world, world.zone)[start]
    if world.first_date is not None and local < minute_of(world.first_date):
        return False
    if world.last_date is not None and local >= minute_of(world.last_date) + DAY:
        return False
    day, of_day = divmod(local, DAY)
    return not world.windows or any((w, o <= of_day < c) == (weekday(day), True) for w, o, c in world.windows)


def weekday(day: int) -> int:
    return (day + 3) % 7  # 1 January 1970 was a Thursday


def free(world: World, lane: str, start: int, end: int) -> bool:
    return all(end <= b or e <= start for b, e in world.busy.get(lane, []))


def full(world: World, member: str, start: int) -> bool:
    """Whether the service or the staff member has all the visits it may have on that date or in that week."""
    of_service = [s for rows in world.booked.values() for s in {s for service, s in rows if service == 0}]
    of_member = {s for _, s in world.booked.get(member, [])}
    return reached(world, start, of_service, (world.daily, world.weekly_limit)) or reached(
        world, start, of_member, world.staff_limits.get(member, (None, None))
    )


def reached(world: World, start: int, booked, limits: tuple[int | None, int | None]) -> bool:
    if limits == (None, None):
        return False
    clock, (daily, weekly) = shown(world, world.zone), limits
    day, dates = clock[start] // DAY, [clock[s] // DAY for s in booked]
    same_week = [d for d in dates if d - weekday(d) == day - weekday(day)]
    return (daily is not None and dates.count(day) >= daily) or (weekly is not None and len(same_week) >= weekly)


def rooms_for(world: World, rooms: dict[str, dict[int, int]], start: int, end: int) -> tuple[str | None, ...] | None:
    """The first choice of resources, in their order, that meets all requirements; None where none does."""
    needs = [(kind, start + a, end if n is None else start + a + n) for kind, a, n in world.requirements]
    choices = [
        [name for name, kind in world.resources if kind == wanted] if since < until else [None]
        for wanted, since, until in needs
    ]
    spans = [(since, until) for _, since, until in needs]
    for chosen in product(*choices):
        open_then = (
            name is None or all(m in rooms[name] for m in range(*span))
            for name, span in zip(chosen, spans, strict=True)
        )
        free_then = (name is None or free(world, name, *span) for name, span in zip(chosen, spans, strict=True))
        apart = (
            chosen[i] != chosen[j] or spans[i][1] <= spans[j][0] or spans[j][1] <= spans[i][0]
            for i in range(len(chosen))
            for j in range(i)
            if chosen[i] is not None and chosen[j] is not None
        )
        if all(open_then) and all(free_then) and all(apart):
            return chosen
    return None


def rescheduled(world: World) -> World:
    """The world without the claims of the appointment that moves; in a group it gives one seat back."""
    if not world.moving:
        return world
    busy = {lane: list(spans) for lane, spans in world.busy.items()}
    booked = {lane: list(rows) for lane, rows in world.booked.items()}
    sessions = {lane: list(rows) for lane, rows in world.sessions.items()}
    client = Counter(world.client_booked)
    for lane, start, end, service, visit in world.moving:
        group = next((g for g in sessions.get(lane, []) if g[:2] == (service, visit)), None)
        seats = world.seats if service == 0 else 1
        if group is not None:
            sessions[lane].remove(group)
            if group[2] + 1 < seats:
                sessions[lane].append((service, visit, group[2] + 1))
        if (group is None or group[2] + 1 >= seats) and (start, end) in busy.get(lane, []):
            busy[lane].remove((start, end))
        if (service, visit) in booked.get(lane, []):
            booked[lane].remove((service, visit))
        if service == 0 and client[visit]:
            client[visit] -= 1
    return World(
        **{
            **{name: getattr(world, name) for name in World.__dataclass_fields__},
            "busy": busy,
            "booked": booked,
            "sessions": sessions,
            "client_booked": list(client.elements()),
            "moving": [],
        }
    )
