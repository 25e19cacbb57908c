"""What managers edit: added, changed under its version, retired and restored, with an audit of before and after."""

from datetime import date, timedelta
from uuid import uuid4

import psycopg
import pytest

from models.errors import InvalidInput, NotFound, StaleVersion
from service.commands import catalogue, changes
from service.commands.catalogue import Allocation, NewResource, NewService, NewStaff, Requirement, Span, Window
from service.commands.changes import Change
from service.db.views import Views
from service.queries import catalogue as queries
from service.queries.slots import SlotsWanted, find
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10, NOW, salon

pytestmark = pytest.mark.anyio

BACKWARDS = {"first_date": date(2026, 3, 2), "last_date": date(2026, 3, 1)}
TABLES = ("service", "service_window", "requirement", "staff", "lane", "working_hours", "allocation", "audit_entry")


async def starts(scope, service=CUT, staff=None):
    view = await Views(scope.db).current(scope.business_id, NOW)
    wanted = SlotsWanted(service, MONDAY_10, MONDAY_10 + timedelta(days=1), staff)
    return find(view, wanted, NOW, limit=100)


async def test_a_new_member_with_hours_is_offered_once_allocated(db):
    scope = await salon(db)
    added = await catalogue.add_staff(scope, NewStaff("Cleo", (Span(0, 600, 660),)))
    member = await queries.staff_member(db, scope.business_id, added.id)
    assert (member.name, member.active, member.version) == ("Cleo", True, added.version)
    assert member.hours == (queries.Span(0, 600, 660, None, None),)
    with pytest.raises(NotFound):
        await starts(scope, staff=(uuid4(),))
    assert await starts(scope, staff=(added.id,)) == []
    await catalogue.allocate(scope, Allocation(CUT, added.id, duration=20))
    offered = await starts(scope, staff=(added.id,))
    assert [(s.starts_at, s.ends_at - s.starts_at) for s in offered[:1]] == [(MONDAY_10, timedelta(minutes=20))]
    await catalogue.withdraw_allocation(scope, Allocation(CUT, added.id))
    assert await starts(scope, staff=(added.id,)) == []
    with pytest.raises(NotFound):
        await catalogue.withdraw_allocation(scope, Allocation(CUT, added.id))


async def test_a_service_keeps_all_its_rules(db):
    scope = await salon(db)
    wanted = NewService(
        "Perm",
        90,
        buffer_after=15,
        slot_offset=5,
        anchor="shift",
        first_date=date(2026, 3, 1),
        last_date=date(2026, 3, 31),
        client_weekly_limit=1,
        needs_approval=True,
        free_cancellation=1440,
        cancellation_fee_cents=500,
        windows=(Window(0, 540, 720),),
        requirements=(Requirement("chair"), Requirement("dryer", 60, 30)),
        staff=(ANA,),
    )
    added = await catalogue.add_service(scope, wanted)
    kept = await queries.service(db, scope.business_id, added.id)
    assert {rule: getattr(kept, rule) for rule in catalogue.RULES} == {
        rule: getattr(wanted, rule) for rule in catalogue.RULES
    }
    assert [(w.weekday, w.opens, w.closes) for w in kept.windows] == [(0, 540, 720)]
    assert {(r.kind, r.after, r.length) for r in kept.requirements} == {("chair", 0, None), ("dryer", 60, 30)}
    assert [p.staff_id for p in kept.performers] == [ANA]


async def test_a_change_leaves_before_and_after_in_the_audit(db, owner_url):
    scope = await salon(db)
    changed = await changes.change_service(scope, Change(CUT, {"duration": 45, "windows": (Window(0, 600, 720),)}))
    assert changed.version == 2
    with psycopg.connect(owner_url) as connection:
        row = connection.execute(
            "SELECT before, after FROM audit_entry WHERE action = 'service.changed' AND aggregate_id = %s", [CUT]
        ).fetchone()
    assert row == (
        {"duration": 30},
        {"duration": 45, "windows": [{"weekday": 0, "opens": 600, "closes": 720}]},
    )
    offered = await starts(scope)
    assert {s.ends_at - s.starts_at for s in offered} == {timedelta(minutes=45)}


async def test_who_is_retired_is_not_offered_until_brought_back(db):
    scope = await salon(db)
    await changes.change_staff(scope, Change(BEN, {"active": False}))
    assert {s.staff_id for s in await starts(scope)} == {ANA}
    await changes.change_staff(scope, Change(BEN, {"active": True}))
    assert {s.staff_id for s in await starts(scope)} == {ANA, BEN}
    await changes.change_service(scope, Change(COLOUR, {"active": False}))
    with pytest.raises(NotFound):
        await starts(scope, COLOUR)


async def test_a_stale_version_changes_nothing(db):
    scope = await salon(db)
    await changes.change_business(scope, Change(scope.business_id, {"name": "Salon Two"}, version=1))
    with pytest.raises(StaleVersion) as caught:
        await changes.change_business(scope, Change(scope.business_id, {"name": "Salon Three"}, version=1))
    assert caught.value.fields == {"version": 2}


async def test_a_resource_is_added_changed_and_retired(db):
    scope = await salon(db)
    added = await catalogue.add_resource(scope, NewResource("Room 1", "room", (Span(0, 540, 600),)))
    await changes.change_resource(scope, Change(added.id, {"name": "Room A"}, version=1))
    await changes.change_resource(scope, Change(added.id, {"active": False}))
    [room] = await queries.resources(db, scope.business_id)
    assert room == queries.Resource(added.id, "Room A", "room", None, active=False, version=3)


@pytest.mark.parametrize(
    ("work", "request_", "error"),
    [
        (changes.change_service, Change(uuid4(), {"duration": 30}), NotFound),
        (changes.change_service, Change(CUT, {"duration": 0}), InvalidInput),
        (changes.change_service, Change(CUT, {"id": uuid4()}), InvalidInput),
        (changes.change_service, Change(CUT, {"windows": (Window(0, 700, 600),)}), InvalidInput),
        (changes.change_service, Change(CUT, {"requirements": (Requirement(""),)}), InvalidInput),
        (
            changes.change_service,
            Change(CUT, {"first_date": date(2026, 3, 2), "last_date": date(2026, 3, 1)}),
            InvalidInput,
        ),
        (changes.change_service, Change(CUT, {"seats": 0}), InvalidInput),
        (changes.change_service, Change(CUT, {"daily_limit": 0}), InvalidInput),
        (changes.change_staff, Change(ANA, {"zone": "Mars/Base"}), InvalidInput),
        (changes.change_staff, Change(ANA, {"name": ""}), InvalidInput),
        (catalogue.allocate, Allocation(CUT, uuid4()), NotFound),
        (catalogue.allocate, Allocation(CUT, ANA, duration=0), InvalidInput),
        (catalogue.add_service, NewService("X", 30, staff=(uuid4(),)), NotFound),
        (catalogue.add_service, NewService("X", 30, anchor="moon"), InvalidInput),
        (catalogue.add_staff, NewStaff("X", (Span(0, 540, 600), Span(0, 590, 700))), InvalidInput),
        (catalogue.add_resource, NewResource("X" * 201, "room"), InvalidInput),
    ],
)
async def test_what_is_not_valid_changes_nothing(db, owner_url, work, request_, error):
    scope = await salon(db)

    def state():
        with psycopg.connect(owner_url) as connection:
            return [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES]

    before = state()
    with pytest.raises(error):
        await work(scope, request_)
    assert state() == before
