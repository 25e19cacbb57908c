"""The slot finder once more, minute by minute in plain Python: slow, and with no idea in common with the arrays."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """A business as plain values; times are epoch minutes, hours are wall minutes of a local date."""

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
    cache: dict = field(default_factory=dict)


def minute_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 1440


def wall(minute: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + minute * MINUTE).astimezone(zone).replace(tzinfo=None)


def working(world: World, member: str) -> set[int]:
    """Every minute worked: a shift runs from the first time its opening is reached to the last before its closing."""
    zone, minutes = ZoneInfo(world.zone), set()
    start, end = minute_of(world.first_day), minute_of(world.first_day) + world.days * 1440
    for day, spans in world.shifts[member].items():
        midnight = datetime.combine(day, datetime.min.time())
        near = range(minute_of(day) - 1560, minute_of(day) + 4440)
        walls = [(m, (wall(m, zone) - midnight) / MINUTE) for m in near]
        for opens, closes in spans:
            first = next(m for m, w in walls if w >= opens)
            last = next(m for m, w in reversed(walls) if w < closes)
            minutes.update(m for m in range(first, last + 1) if start <= m < end)
    return minutes


def slots(world: World, lo: int, hi: int) -> set[tuple[str, int]]:
    """Every legal (staff member, start) with lo <= start < hi."""
    zone, found = ZoneInfo(world.zone), set()
    for member, duration in world.durations.items():
        if duration is None:
            continue
        if member not in world.cache:
            world.cache[member] = working(world, member)
        worked = world.cache[member]
        for s in range(max(lo, world.now + world.notice), min(hi, world.now + world.advance * 1440 + 1)):
            local = wall(s, zone)
            on_grid = (local.hour * 60 + local.minute) % world.interval == 0
            if not on_grid or not all(m in worked for m in range(s, s + duration)):
                continue
            claim = (s - world.before, s + duration + world.after)
            if all(claim[1] <= b or e <= claim[0] for b, e in world.busy[member]):
                found.add((member, s))
    return found
