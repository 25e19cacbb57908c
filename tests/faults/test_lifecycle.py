"""The whole life of bookings against a model in plain Python: the same answers, the same book, after every step.

In full (`make faults`) 2,000 walks of 50 steps; else a few.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from models.errors import InterlockError
from models.states import Party
from service.commands import attendance, bookings, reschedule, series, series_changes
from service.commands.attendance import Step
from service.commands.clients import NewClient
from service.commands.legality import Wanted
from service.commands.reschedule import Reschedule, Swap
from service.commands.series import SeriesRequest
from service.commands.series_changes import Extent, SeriesCancellation
from service.db.database import Database
from service.db.views import Views
from tests.races.conftest import sized
from tests.races.races import assert_invariants
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10, NOW, client, salon

STARTS = [MONDAY_10 + timedelta(days=day, minutes=minute) for day in range(4) for minute in (0, 30, 45, 240)]
CLAIM = timedelta(minutes=40)
LATER = MONDAY_10 + timedelta(days=6)
"""When every visit has begun."""
LIVE = {"hold", "pending", "confirmed", "checked_in", "completed"}
# From which state, by whom, and whether only once it has begun; None: no such step.
STEPS = {
    "approve": ("confirmed", {"pending"}, {"staff", "manager"}, False),
    "decline": ("declined", {"pending"}, {"staff", "manager"}, False),
    "check_in": ("checked_in", {"confirmed"}, {"staff", "manager"}, False),
    "complete": ("completed", {"checked_in"}, {"staff", "manager", "system"}, True),
    "no_show": ("no_show", {"confirmed"}, {"staff", "manager", "system"}, True),
    "cancel": ("cancelled", {"pending", "confirmed"}, {"client", "staff", "manager", "system"}, False),
}
THRESHOLD = 2
SLUGS = count()


@dataclass
class Booked:
    """What the model knows of one appointment."""

    status: str
    items: list[tuple[UUID, datetime]]
    client: UUID | None
    version: int = 1
    token: str | None = None
    extended: bool = False
    series: UUID | None = None


@dataclass
class Model:
    """The book as it must be."""

    book: dict[UUID, Booked] = field(default_factory=dict)

    def free(self, places, leaving=()) -> bool:
        """Return whether places are free, beside each other too, once some appointments have left theirs."""
        taken = [place for id_, b in self.book.items() if b.status in LIVE and id_ not in leaving for place in b.items]
        for staff, start in places:
            if any(other == staff and abs(start - at) < CLAIM for other, at in taken):
                return False
            taken.append((staff, start))
        return True

    def asks(self, who: UUID) -> bool:
        """Return whether a client has failed to come too often."""
        return sum(b.status == "no_show" and b.client == who for b in self.book.values()) >= THRESHOLD


class Lifecycle(RuleBasedStateMachine):
    """Random commands on one business, all answered by the model first."""

    runner: asyncio.Runner
    db: Database
    owner: psycopg.Connection

    @initialize()
    def open(self) -> None:
        self.model = Model()
        self.scope = self.wait(salon(self.db, slug=f"salon-{next(SLUGS)}"))
        self.views = Views(self.db)
        self.owner.execute(
            "UPDATE business SET settings = %s WHERE id = %s",
            [f'{{"no_show_threshold": {THRESHOLD}}}', self.scope.business_id],
        )
        self.clients = [self.wait(client(self.scope, name)) for name in ("Maria", "Nuno")]

    def wait(self, awaitable):
        return self.runner.run(self._awaited(awaitable))

    @staticmethod
    async def _awaited(awaitable):
        return await awaitable

    def view(self):
        return self.wait(self.views.current(self.scope.business_id, NOW))

    def ask(self, expected: str, command):
        """Run a command; assert that it ends as the model says ("ok" or the code), and return its result."""
        try:
            result, ended = self.wait(command), "ok"
        except InterlockError as refusal:
            result, ended = None, refusal.code
        assert ended == expected, f"{ended} instead of {expected}"
        return result

    def one(self, which: int) -> tuple[UUID, Booked]:
        return list(self.model.book.items())[which % len(self.model.book)]

    def of(self, which: int, *states: str) -> tuple[UUID, Booked] | None:
        found = [(id_, b) for id_, b in self.model.book.items() if b.status in states]
        return found[which % len(found)] if found else None

    places = st.tuples(st.sampled_from([ANA, BEN]), st.sampled_from(STARTS))
    which = st.integers(0, 99)
    parties = st.sampled_from(list(Party))

    @rule(place=places)
    def hold(self, place) -> None:
        expected = "ok" if self.model.free([place]) else "slot-taken"
        held = self.ask(
            expected, bookings.hold(self.scope, bookings.HoldRequest(CUT, *place), view=self.view(), now=NOW)
        )
        if held:
            self.model.book[held.id] = Booked("hold", [place], None, token=held.token)

    @rule(places=st.lists(places, min_size=1, max_size=3, unique=True), who=st.integers(0, 1), by=parties)
    def book(self, places, who, by) -> None:
        who = self.clients[who]
        (first, *more) = [Wanted(CUT, *place) for place in places]
        request = bookings.BookRequest(CUT, first.staff_id, first.starts_at, who, by=by, more=tuple(more))
        expected = "ok" if self.model.free(places) else "slot-taken"
        booked = self.ask(expected, bookings.book(self.scope, request, view=self.view(), now=NOW))
        if booked:
            status = "pending" if by is Party.CLIENT and self.model.asks(who) else "confirmed"
            assert (booked.status, booked.version) == (status, 1)
            self.model.book[booked.id] = Booked(status, places, who)

    @precondition(lambda self: self.model.book)
    @rule(which=which, right=st.booleans(), new=st.booleans(), who=st.integers(0, 1))
    def confirm(self, which, right, new, who) -> None:
        id_, booked = self.of(which, "hold") or self.one(which)
        good = booked.status == "hold" and right
        token = booked.token if right and booked.token else "guess"
        known = {"client": NewClient("New")} if new else {"client_id": self.clients[who]}
        request = bookings.Confirmation(id_, token, **known)
        asks = not new and self.model.asks(self.clients[who])
        done = self.ask("ok" if good else "hold-expired", bookings.confirm(self.scope, request))
        if done:
            booked.status, booked.version = ("pending" if asks else "confirmed"), booked.version + 1
            booked.client = None if new else self.clients[who]
            assert (done.status, done.version) == (booked.status, booked.version)

    @precondition(lambda self: self.model.book)
    @rule(which=which, right=st.booleans())
    def release(self, which, right) -> None:
        id_, booked = self.of(which, "hold") or self.one(which)
        good = booked.status == "hold" and right
        request = bookings.Release(id_, booked.token if right and booked.token else "guess")
        if self.ask("ok" if good else "hold-expired", bookings.release(self.scope, request)):
            booked.status, booked.version = "released", booked.version + 1

    @precondition(lambda self: self.model.book)
    @rule(which=which)
    def extend(self, which) -> None:
        id_, booked = self.of(which, "hold") or self.one(which)
        expected = "hold-expired" if booked.status != "hold" else "limit-reached" if booked.extended else "ok"
        if self.ask(expected, bookings.extend(self.scope, bookings.Extension(id_, booked.token or "guess"))):
            booked.extended, booked.version = True, booked.version + 1

    @rule(which=which, sweep=st.booleans())
    def run_out(self, which, sweep) -> None:
        found = self.of(which, "hold")
        if found is None:
            return
        id_, booked = found
        own = "item_id IN (SELECT id FROM appointment_item WHERE appointment_id = %s)"
        self.owner.execute(f"UPDATE claim SET expires_at = clock_timestamp() WHERE {own}", [id_])
        self.owner.execute("UPDATE appointment SET expires_at = clock_timestamp() WHERE id = %s", [id_])
        booked.status = "ran out"
        if sweep:
            self.sweep()

    def sweep(self) -> None:
        async def expire() -> int:
            from service.db.claims import expire_holds  # noqa: PLC0415 - the worker's duty, not a command

            return await self.db.transact(self.scope.business_id, expire_holds)

        self.wait(expire())

    @precondition(lambda self: self.model.book)
    @rule(which=which, command=st.sampled_from(sorted(STEPS)), by=parties, stale=st.booleans(), begun=st.booleans())
    def step(self, which, command, by, stale, begun) -> None:
        id_, booked = self.one(which)
        target, sources, parties, late = STEPS[command]
        now = LATER if begun else NOW
        version = booked.version + 7 if stale else None
        own = bookings.Cancellation(id_, version, by) if command == "cancel" else Step(id_, version, by)
        run = bookings.cancel if command == "cancel" else getattr(attendance, command)
        timed = {"now": now} if late or command == "cancel" else {}
        expected = "ok"
        if stale:
            expected = "stale-version"
        elif booked.status == "checked_in" and command == "cancel" and by in (Party.STAFF, Party.MANAGER):
            pass  # whoever came and went again, or was taken for another
        elif booked.status not in sources or by not in parties or (late and not begun):
            expected = "not-allowed"
        elif command == "cancel" and by is Party.CLIENT and begun:
            expected = "outside-policy"
        done = self.ask(expected, run(self.scope, own, **timed))
        if done:
            booked.status, booked.version = target, booked.version + 1
            assert (done.status, done.version) == (booked.status, booked.version)

    @precondition(lambda self: self.model.book)
    @rule(which=which, place=places, stale=st.booleans())
    def reschedule(self, which, place, stale) -> None:
        id_, booked = self.one(which)
        staff = place[0] if len(booked.items) == 1 else None
        request = Reschedule(id_, booked.version + 7 if stale else None, starts_at=place[1], staff_id=staff)
        shift = place[1] - booked.items[0][1]
        places = [(staff or who, start + shift) for who, start in booked.items]
        if booked.status not in ("pending", "confirmed"):
            expected = "not-allowed"
        elif stale:
            expected = "stale-version"
        elif not all(start in STARTS for _, start in places):
            return
        else:
            expected = "ok" if self.model.free(places, {id_}) else "slot-taken"
        done = self.ask(expected, reschedule.reschedule(self.scope, request, view=self.view(), now=NOW))
        if done:
            booked.items, booked.version = places, booked.version + 1

    @precondition(lambda self: len(self.model.book) > 1)
    @rule(which=which, other=which)
    def swap(self, which, other) -> None:
        (one_id, one), (two_id, two) = self.one(which), self.one(other)
        if one_id == two_id:
            return
        if not {one.status, two.status} <= {"pending", "confirmed"}:
            expected = "not-allowed"
        else:
            expected = "ok" if len(one.items) == len(two.items) == 1 else "invalid-input"
        request = Swap(Step(one_id), Step(two_id))
        if self.ask(expected, reschedule.swap(self.scope, request, view=self.view(), now=NOW)):
            one.items, two.items = two.items, one.items
            one.version, two.version = one.version + 1, two.version + 1

    @rule(place=places, who=st.integers(0, 1))
    def repeat(self, place, who) -> None:
        staff, start = place
        if start.weekday() > 1:
            return
        who = self.clients[who]
        dates = [start + timedelta(days=n) for n in range(3)]
        free = [self.model.free([(staff, at)]) for at in dates]
        request = SeriesRequest(CUT, staff, start, "FREQ=DAILY;COUNT=3", who, Party.STAFF)
        expected = "ok" if any(free) else "slot-taken"
        made = self.ask(expected, series.book_series(self.scope, request, view=self.view(), now=NOW))
        if made:
            assert [o.conflict is None for o in made.occurrences] == free
            for at, occurrence in zip(dates, made.occurrences, strict=True):
                if occurrence.appointment_id:
                    booked = Booked("confirmed", [(staff, at)], who, series=made.id)
                    self.model.book[occurrence.appointment_id] = booked

    @rule(which=which)
    def cancel_series(self, which) -> None:
        members = [(i, b) for i, b in self.model.book.items() if b.series and b.status in ("pending", "confirmed")]
        if not members:
            return
        id_, anchor = members[which % len(members)]
        request = SeriesCancellation(id_, extent=Extent.ALL)
        self.ask("ok", series_changes.cancel_series(self.scope, request, now=NOW))
        for _, booked in members:
            if booked.series == anchor.series:
                booked.status, booked.version = "cancelled", booked.version + 1

    @invariant()
    def the_book_is_the_models(self) -> None:
        if not hasattr(self, "model"):
            return
        rows = self.owner.execute(
            "SELECT a.id, a.status, a.version, i.staff_id, i.starts_at FROM appointment a "
            "JOIN appointment_item i ON i.appointment_id = a.id WHERE a.business_id = %s ORDER BY a.id, i.position",
            [self.scope.business_id],
        ).fetchall()
        # A hold that ran out may have been swept on the way, or not yet; both are right, and nobody is told of it.
        swept = {id_ for id_, status, *_ in rows if status == "expired"}
        for id_, booked in self.model.book.items():
            if booked.status == "ran out" and id_ in swept:
                booked.status, booked.version = "expired", booked.version + 1
        there = [(id_, status, version, staff, at) for id_, status, version, staff, at in rows]
        expected = [
            (id_, "hold" if b.status == "ran out" else b.status, b.version, staff, at)
            for id_, b in sorted(self.model.book.items())
            for staff, at in b.items
        ]
        assert there == expected


@pytest.fixture
def database_name(own_database: str) -> str:
    """Thousands of businesses are nobody else's."""
    return own_database


def test_every_walk_ends_as_the_model_says(app_url, owner_url):
    with asyncio.Runner() as runner, psycopg.connect(owner_url, autocommit=True) as owner:
        db = Database(app_url, 2)
        runner.run(db.open())
        machine = type("Walk", (Lifecycle,), {"runner": runner, "db": db, "owner": owner})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=sized(2_000, 12),
                stateful_step_count=sized(50, 25),
                deadline=None,
                database=None,
                derandomize=sized(0, 1) == 1,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink),
            ),
        )
        runner.run(db.close())
    assert_invariants(owner_url)


def test_a_broken_command_is_found(app_url, owner_url, monkeypatch):
    """The walk sees it when a declined booking keeps its time, or a stale version is let through."""
    monkeypatch.setattr(attendance, "LIVE", (*attendance.LIVE, attendance.AppointmentStatus.CANCELLED))
    with pytest.raises((AssertionError, ExceptionGroup)):
        test_every_walk_ends_as_the_model_says(app_url, owner_url)
