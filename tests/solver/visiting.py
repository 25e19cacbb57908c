"""The world of visits that tests of them share: one or two staff members on a Monday, asked in words."""

from datetime import UTC, date, datetime, timedelta

from solver.clock import moment, utc_day
from solver.services import Requirement
from solver.snapshot import Hours, Service, Snapshot
from solver.visits import Item, VisitQuery, find_visits

MONDAY = date(2026, 3, 2)
START = utc_day(MONDAY)
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
MIDNIGHT = moment(START)

CUT = Service("cut", 30, slot_interval=30)
WASH = Service("wash", 15, slot_interval=15)
COLOUR = Service("colour", 60, slot_interval=30)
ROOM = (Requirement("room"),)


def world(services, staff="a", opens=540, closes=720, busy=None, allocations=None, days=2, **rules):
    hours = Hours(((0, opens, closes, None, None),))
    return Snapshot.build(
        zone="UTC",
        first_day=MONDAY,
        days=days,
        staff=list(staff),
        hours=dict.fromkeys(staff, hours),
        services=services,
        allocations=allocations or [(s.id, member, None) for s in services for member in staff],
        busy={m: [(START + s, START + e) for s, e in spans] for m, spans in (busy or {}).items()},
        **rules,
    )


def ask(*items, days=1, **more):
    named = [item if isinstance(item, Item) else Item(item) for item in items]
    return VisitQuery(named, MIDNIGHT, MIDNIGHT + timedelta(days=days), **more)


def told(snapshot, query):
    """Each visit as words: "09:00 cut a, 09:30 colour b"."""
    visits = find_visits(snapshot, query, NOW)
    return [
        ", ".join(
            f"{moment(s):%H:%M} {snapshot.services[k].id} {snapshot.staff[lane]}"
            for s, k, lane in zip(visits.item_start[i], visits.service[i], visits.lane[i], strict=True)
        )
        for i in range(len(visits))
    ]
