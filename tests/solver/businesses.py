"""Random businesses that use every rule of the slot finder, as the oracle's worlds and as snapshots."""

from dataclasses import MISSING, fields, replace
from datetime import date, timedelta
from random import Random

from solver.clock import moment
from solver.slots import Claimed, SlotQuery, find_slots
from solver.snapshot import Hours, Requirement, Service, Snapshot
from tests.solver.oracle import World, answers, minute_of

# Zones and dates around which the clocks change: by an hour, by half an hour, by a whole day, at midnight, and not.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 28)),
    ("Europe/Berlin", date(2026, 10, 24)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("Australia/Lord_Howe", date(2026, 10, 3)),
    ("Pacific/Apia", date(2011, 12, 29)),
    ("Africa/Casablanca", date(2026, 2, 14)),
    ("America/Havana", date(2026, 3, 7)),
    ("Asia/Kathmandu", date(2026, 5, 1)),
    ("America/Sao_Paulo", date(2026, 5, 1)),
]
OTHER_ZONES = ["Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"]


def random_world(rng: Random) -> World:
    """A small world; each rule is in use in about every fourth."""
    zone, first_day = rng.choice(CHANGES)
    days, staff = rng.choice([1, 2, 3, 3]), ["a", "b", "c"][: rng.choice([1, 2, 2, 3])]
    world = World(zone, first_day, days, {}, {}, {m: rng.choice([None, 15, 15, 37, 37, 60, 60, 240]) for m in staff})
    world.before, world.after = rng.choice([0, 0, 7]), rng.choice([0, 10])
    world.interval = rng.choice([5, 15, 30, 60, 7, 25, 50, 100])
    world.offset = rng.choice([0, 0, rng.randrange(world.interval)])
    world.anchor = rng.choice(["clock", "clock", "shift"])
    world.notice, world.advance = rng.choice([0, 90]), rng.choice([1, 366, 366])
    world.now = minute_of(first_day) + rng.randint(-1500, 1000)
    _hours(rng, world)
    _claims(rng, world)
    for rule in (_window, _limits, _group, _resources, _blocks, _reschedule):
        if rng.random() < 0.25:
            rule(rng, world)
    world.asked = [m for m in staff if rng.random() < 0.7] if rng.random() < 0.2 else None
    return world


def _hours(rng: Random, world: World) -> None:
    for member in world.durations:
        if rng.random() < 0.25:
            world.zones[member] = rng.choice(OTHER_ZONES)
        if rng.random() < 0.5:
            # Every other date, so that a shift past midnight meets no other.
            dates = range(rng.randint(-1, 0), world.days + 1, 2)
            world.shifts[member] = {world.first_day + timedelta(days=i): _spans(rng, 1700) for i in dates}
        else:
            world.weekly[member] = [(d, o, c) for d in range(7) if rng.random() < 0.8 for o, c in _spans(rng, 1440)]
            world.shifts[member] = {_date(rng, world): _spans(rng, 1440)} if rng.random() < 0.3 else {}
    if rng.random() < 0.25:
        world.holidays = sorted({_date(rng, world) for _ in range(2)})


def _spans(rng: Random, until: int) -> list[tuple[int, int]]:
    """One span or two, most of them long."""
    opens = rng.randint(0, 900)
    closes = rng.randint(opens + 1, min(opens + 900, until))
    later = (
        sorted(rng.sample(range(closes, until + 1), 2)) if closes < until - 60 and rng.random() < 0.4 else (until, 0)
    )
    return [(opens, closes), *([tuple(later)] if later[0] < 1440 and later[0] < later[1] else [])]


def _date(rng: Random, world: World) -> date:
    return world.first_day + timedelta(days=rng.randint(-1, world.days))


def _minute(rng: Random, world: World) -> int:
    return minute_of(world.first_day) + rng.randint(-200, world.days * 1440)


def _claims(rng: Random, world: World) -> None:
    for member in world.durations:
        starts = [_minute(rng, world) for _ in range(rng.choice([0, 2, 4, 6]))]
        world.busy[member] = [(s, s + rng.choice([1, 20, 60, 150, 300])) for s in starts]


def _window(rng: Random, world: World) -> None:
    world.first_date = _date(rng, world) if rng.random() < 0.3 else None
    last = _date(rng, world) if rng.random() < 0.3 else None
    world.last_date = None if last is None else max(last, world.first_date or last)
    if rng.random() < 0.6:
        world.windows = [(d, *span) for d in range(7) if rng.random() < 0.7 for span in _spans(rng, 1440)]
        world.windows += [(rng.randrange(7), 0, 1440)] if rng.random() < 0.3 else []


def _limits(rng: Random, world: World) -> None:
    world.daily, world.weekly_limit = rng.choice([None, 1, 2]), rng.choice([None, None, 3, 4])
    world.client_daily, world.client_weekly = rng.choice([None, 1, 2]), rng.choice([None, None, 1, 2])
    for member in world.durations:
        near = [minute_of(world.first_day) + rng.randint(-8000, 8000) for _ in range(rng.choice([0, 1, 3]))]
        world.booked[member] = [(rng.choice([0, 0, 1]), s) for s in [_minute(rng, world), _minute(rng, world), *near]]
        if rng.random() < 0.4:
            world.staff_limits[member] = (rng.choice([None, 1, 2]), rng.choice([None, 2, 3]))
    world.client_booked = [_minute(rng, world) for _ in range(rng.choice([0, 1, 2, 3]))]


def _group(rng: Random, world: World) -> None:
    world.seats = rng.choice([2, 8])
    for member, duration in world.durations.items():
        for start in {_minute(rng, world) for _ in range(rng.choice([0, 1, 3]))}:
            left, service = rng.randrange(world.seats), rng.choice([0, 0, 0, 1])
            world.sessions.setdefault(member, []).append((service, start, left))
            world.busy[member].append((start - world.before, start + (duration or 30) + world.after))


def _resources(rng: Random, world: World) -> None:
    world.resources = [(f"r{i}", rng.choice(["room", "room", "laser"])) for i in range(rng.choice([1, 2, 3]))]
    for name, _ in world.resources:
        world.busy[name] = [
            (s, s + rng.randint(1, 700)) for s in (_minute(rng, world) for _ in range(rng.choice([0, 1, 3])))
        ]
        if rng.random() < 0.2:
            world.weekly[name] = [(d, o, c) for d in range(7) for o, c in _spans(rng, 1440)]
    for _ in range(rng.choice([1, 1, 2, 3])):
        kind = rng.choice([kind for _, kind in world.resources] * 3 + ["laser"])
        world.requirements.append((kind, rng.choice([0, 0, 20, 50]), rng.choice([None, None, 10, 70])))


def _blocks(rng: Random, world: World) -> None:
    world.by_staff = rng.random() < 0.4
    for member in world.durations:
        world.blocks[member] = {_date(rng, world): _spans(rng, 1700) for _ in range(rng.choice([1, 2, 3]))}


def _reschedule(rng: Random, world: World) -> None:
    claims = [(lane, *span) for lane, spans in sorted(world.busy.items()) for span in spans]
    for lane, start, end in rng.sample(claims, min(len(claims), rng.choice([1, 2]))):
        known = [(service, s) for service, s, _ in world.sessions.get(lane, [])]
        known += world.booked.get(lane, []) + [(0, s) for s in world.client_booked if lane in world.durations]
        inside = [k for k in known if start <= k[1] < end] or known
        world.moving.append((lane, start, end, *(rng.choice(inside) if inside else (-1, 0))))


def snapshot_of(world: World) -> Snapshot:
    """The same world as arrays."""
    lanes = [*world.durations, *(name for name, _ in world.resources)]
    staffed = {m for m in lanes if m in world.durations or m in world.weekly or m in world.shifts}
    return Snapshot.build(
        zone=world.zone,
        first_day=world.first_day,
        days=world.days,
        staff=list(world.durations),
        hours={lane: _hours_of(world, lane) for lane in lanes if lane in staffed},
        services=[service_of(world), Service("other", 30, world.before)],
        allocations=[("x", m, d) for m, d in world.durations.items() if d is not None],
        busy=world.busy,
        zones=world.zones,
        holidays=world.holidays,
        limits=world.staff_limits,
        resources=world.resources,
        booked=world.booked,
        sessions=world.sessions,
    )


def _hours_of(world: World, lane: str) -> Hours:
    return Hours(
        tuple((day, opens, closes, None, None) for day, opens, closes in world.weekly.get(lane, [])),
        {day: tuple(spans) for day, spans in world.shifts.get(lane, {}).items()},
        {day: tuple(spans) for day, spans in world.blocks.get(lane, {}).items()},
    )


def service_of(world: World) -> Service:
    """The service asked for."""
    return Service(
        "x",
        30,
        world.before,
        world.after,
        world.interval,
        world.notice,
        world.advance,
        world.offset,
        world.anchor,
        world.first_date,
        world.last_date,
        tuple(world.windows),
        world.daily,
        world.weekly_limit,
        world.client_daily,
        world.client_weekly,
        world.seats,
        tuple(Requirement(*need) for need in world.requirements),
    )


def query_of(world: World, lo: int, hi: int) -> SlotQuery:
    """The question, with all that it says of who asks."""
    services = {0: "x", 1: "other", -1: None}
    moving = [
        Claimed(lane, moment(start), moment(end), services[service], None if service < 0 else moment(visit))
        for lane, start, end, service, visit in world.moving
    ]
    booked = [moment(start) for start in world.client_booked]
    return SlotQuery("x", moment(lo), moment(hi), world.asked, world.by_staff, moving, booked)


def span_of(world: World) -> tuple[int, int]:
    """The horizon and an hour beside it."""
    return minute_of(world.first_day) - 60, minute_of(world.first_day) + world.days * 1440 + 60


def found_by_arrays(world: World, lo: int, hi: int, snapshot: Snapshot | None = None):
    """The finder's answer in the oracle's terms; asserts that it is in order and has nothing twice."""
    snapshot = snapshot or snapshot_of(world)
    found = find_slots(snapshot, query_of(world, lo, hi), moment(world.now))
    names = {len(snapshot.staff) + i: name for i, (name, _) in enumerate(snapshot.resources)}
    pairs = [(snapshot.staff[i], int(s)) for i, s in zip(found.lane, found.start, strict=True)]
    assert len(pairs) == len(set(pairs))
    assert [(s, m) for m, s in pairs] == sorted((s, m) for m, s in pairs)
    rooms = [tuple(names.get(lane) for lane in row) for row in found.resources.tolist()]
    return dict(zip(pairs, zip(found.seats.tolist(), rooms, strict=True), strict=True))


def agree(world: World) -> bool:
    """Whether the finder says what the oracle says: asked once, from gaps, and again, from a list."""
    lo, hi = span_of(world)
    wanted, snapshot = answers(world, lo, hi), snapshot_of(world)
    return all(found_by_arrays(world, lo, hi, snapshot) == wanted for _ in range(3))


def shrunk(world: World, wrong) -> World:
    """A world as small as single steps make it in which something is still wrong."""
    smaller = next((w for w in _smaller(world) if _still(wrong, w)), None)
    return world if smaller is None else shrunk(smaller, wrong)


def _still(wrong, world: World) -> bool:
    try:
        return wrong(world)
    except (ValueError, KeyError, IndexError):
        return False


def _smaller(world: World):
    """Every world that is one step simpler: a rule dropped, or one thing left out."""
    for f in fields(World):
        value, plain = getattr(world, f.name), _plain(f)
        if value != plain and plain is not MISSING:
            yield replace(world, **{f.name: plain})
        for less in _less(value):
            yield replace(world, **{f.name: less})


def _plain(f):
    return f.default if f.default_factory is MISSING else f.default_factory()


def _less(value):
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            for less in _less(value[key]):
                yield {**value, key: less}
    elif isinstance(value, list):
        for i in range(len(value)):
            yield value[:i] + value[i + 1 :]
