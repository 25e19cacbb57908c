"""A business that two processes change and watch: the steps of a random walk, and what must hold after each."""

import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from models.errors import InterlockError
from service.commands import availability, bookings
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db import claims, views
from service.db.command import Scope
from service.db.database import Database
from service.db.views import View
from solver.clock import moment
from solver.slots import SlotQuery, find_slots
from tests.service.worlds import WEEK, client

NOW = datetime(2026, 3, 24, 7, 0, tzinfo=UTC)
FIRST_DAY, DAYS = date(2026, 3, 22), 14
"""A short horizon, with Lisbon's change to summer time in it."""
SPANS = (None, (), ((540, 750),), ((600, 720), (780, 1500)), ((1380, 1560),), ((0, 200), (600, 900)))
SOON = timedelta(milliseconds=40)


class Walk:
    """One business, three staff members and a reserve; both processes' views, and an owner who writes behind them.

    Every step takes plain integers and turns refusals into their codes, so that any sequence is legal.
    """

    def __init__(self, processes: tuple[Database, Database], owner_url: str) -> None:
        self.processes = processes
        self.owner = psycopg.connect(owner_url, autocommit=True, row_factory=dict_row, options="-c lock_timeout=5s")
        self.slow = psycopg.connect(owner_url, row_factory=dict_row)
        self.holds: list[bookings.Hold] = []
        self.booked: list[UUID] = []
        self.seen: list[View] = []

    async def open(self) -> None:
        """Open the business and load both views."""
        self.scopes = tuple(Scope(db, uuid4(), actor="walk") for db in self.processes)
        self.scopes = (self.scopes[0], replace(self.scopes[1], business_id=self.scopes[0].business_id))
        night = (*WEEK, Span(5, 1320, 1620))
        staff = tuple(NewStaff(name, night, uuid4()) for name in ("Ana", "Ben", "Cai", "Reserve"))
        services = (
            NewService("Cut", 30, buffer_after=10, maximum_advance=366, id=uuid4()),
            NewService("Colour", 60, buffer_before=5, slot_interval=30, id=uuid4()),
        )
        opening = Opening("Walk", f"walk-{uuid4().hex}", "Europe/Lisbon", staff, services)
        await open_business(self.scopes[0], opening)
        self.business, self.client = self.scopes[0].business_id, await client(self.scopes[0])
        self.staff, self.services = [s.id for s in staff], [s.id for s in services]
        rows = self.owner.execute("SELECT id, lane_no FROM staff WHERE business_id = %s", [self.business])
        lanes = {row["id"]: row["lane_no"] for row in rows}
        self.lanes = [lanes[member] for member in self.staff]
        self.seen = [await views.load(db, self.business, FIRST_DAY, DAYS) for db in self.processes]

    def close(self) -> None:
        """Leave no transaction open."""
        self.slow.close()
        self.owner.close()

    async def check(self, process: int) -> None:
        """Assert that a process's view, brought up to date, equals a full load, array by array."""
        seen = await views.refreshed(self.processes[process], self.seen[process])
        self.seen[process] = seen
        full = await views.load(self.processes[process], self.business, FIRST_DAY, DAYS)
        assert seen.snapshot.same_as(full.snapshot), "the refreshed arrays differ from a full load"
        assert seen.lanes == full.lanes, "the refreshed lanes differ from a full load"
        assert seen.expiries == full.expiries, "the refreshed expiries differ from a full load"

    async def book(self, process: int, member: int, service: int, which: int) -> str:
        """Book one of the slots that the process's view offers."""
        view = await self.look(process)
        start = self._offered(view, member, service, which)
        request = bookings.BookRequest(self.services[service], self.staff[member], start, self.client, "walk")
        return await self._done(self.booked, bookings.book(self.scopes[process], request, view=view, now=NOW))

    async def hold(self, process: int, member: int, service: int, which: int) -> str:
        """Hold one of the slots that the process's view offers for an hour."""
        view = await self.look(process)
        start = self._offered(view, member, service, which)
        request = bookings.HoldRequest(self.services[service], self.staff[member], start, 60)
        try:
            self.holds.append(await bookings.hold(self.scopes[process], request, view=view, now=NOW))
        except InterlockError as refusal:
            return refusal.code
        return "done"

    async def confirm(self, process: int, which: int) -> str:
        """Confirm one of the holds made so far."""
        if not self.holds:
            return "nothing"
        held = self.holds[which % len(self.holds)]
        confirmation = bookings.Confirmation(held.id, held.token, self.client)
        return await self._done(self.booked, bookings.confirm(self.scopes[process], confirmation))

    async def release(self, process: int, which: int) -> str:
        """Give one of the holds back."""
        if not self.holds:
            return "nothing"
        held = self.holds[which % len(self.holds)]
        return await self._done([], bookings.release(self.scopes[process], bookings.Release(held.id, held.token)))

    async def cancel(self, process: int, which: int) -> str:
        """Cancel one of the bookings made so far."""
        if not self.booked:
            return "nothing"
        wanted = bookings.Cancellation(self.booked[which % len(self.booked)])
        return await self._done([], bookings.cancel(self.scopes[process], wanted, now=NOW))

    async def set_day(self, process: int, member: int, ahead: int, spans: int) -> str:
        """Replace, close or give back the hours of a day."""
        day = FIRST_DAY + timedelta(days=ahead)
        wanted = availability.DayHours(self.staff[member], day, SPANS[spans])
        return await self._done([], availability.set_day(self.scopes[process], wanted))

    async def take_time_off(self, process: int, member: int, quarter: int, quarters: int) -> str:
        """Take time off, from before the horizon to beyond it."""
        start = self._quarter(quarter)
        wanted = availability.TimeOff(self.staff[member], start, start + timedelta(minutes=15 * quarters))
        return await self._done([], availability.take_time_off(self.scopes[process], wanted))

    async def run_out(self, which: int) -> str:
        """Let one hold run out by the database's clock while nobody writes a thing."""
        if not self.holds:
            return "nothing"
        held = self.holds[which % len(self.holds)]
        # Late enough that both processes look while it is still live, however busy the machine.
        started = time.perf_counter()
        for process in (0, 1):
            await self.look(process)
        soon = SOON + 4 * timedelta(seconds=time.perf_counter() - started)
        values = {"soon": soon, "id": held.id, "business": self.business}
        self.owner.execute(
            "WITH a AS (UPDATE appointment SET expires_at = clock_timestamp() + %(soon)s WHERE id = %(id)s "
            "AND status = 'hold' AND expires_at > clock_timestamp() RETURNING expires_at) "
            "UPDATE claim c SET expires_at = a.expires_at FROM a, appointment_item i WHERE c.item_id = i.id "
            "AND i.appointment_id = %(id)s AND c.business_id = %(business)s AND c.released_at IS NULL",
            values,
        )
        for process in (0, 1):
            await self.look(process)
        self.owner.execute("SELECT pg_sleep_for(%s)", [soon * 1.2])
        return "done"

    async def sweep(self, process: int) -> None:
        """Release every hold that has run out."""
        async with self.processes[process].transaction(self.business) as tx:
            await claims.expire_holds(tx)

    def external(self, member: int, start: int, seconds: int, connection: psycopg.Connection | None = None) -> None:
        """Claim time for an outside calendar, to the second, behind every command."""
        starts_at = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(seconds=start)
        (connection or self.owner).execute(
            "INSERT INTO claim (business_id, lane_no, starts_at, ends_at, kind) VALUES (%s, %s, %s, %s, 'external') "
            "ON CONFLICT DO NOTHING",
            [self.business, self.lanes[member], starts_at, starts_at + timedelta(seconds=seconds)],
        )

    def drop_external(self, delete: int) -> None:
        """Take the first outside claim away again, with or without a trace."""
        verb = "DELETE FROM claim" if delete else "UPDATE claim SET released_at = clock_timestamp()"
        self.owner.execute(
            f"{verb} WHERE (business_id, id) = (SELECT business_id, min(id) FROM claim WHERE business_id = %s "
            "AND kind = 'external' AND released_at IS NULL AND lane_no <> %s GROUP BY 1)",
            [self.business, self.lanes[-1]],
        )

    def push_external(self, seconds: int) -> None:
        """Move the last outside claim in place, perhaps to another day."""
        with suppress(psycopg.errors.ExclusionViolation):
            self.owner.execute(
                "UPDATE claim SET starts_at = starts_at + %(by)s, ends_at = ends_at + %(by)s WHERE (business_id, id) = "
                "(SELECT business_id, max(id) FROM claim WHERE business_id = %(business)s AND kind = 'external' "
                "AND released_at IS NULL AND lane_no = %(lane)s GROUP BY 1)",
                {"by": timedelta(seconds=seconds), "business": self.business, "lane": self.lanes[2]},
            )

    def toggle(self, table: str, which: int) -> None:
        """Take a staff member or a service out of the business, or back in."""
        row = {"staff": self.staff, "service": self.services}[table][which]
        self.owner.execute(f"UPDATE {table} SET active = NOT active WHERE id = %s", [row])

    def reword(self, service: int, duration: int, buffer: int) -> None:
        """Change a service's lengths."""
        self.owner.execute(
            "UPDATE service SET duration = %s, buffer_after = %s WHERE id = %s",
            [duration, buffer, self.services[service]],
        )

    def move_business(self, zone: str) -> None:
        """Change the business's time zone, which every lane's version tells: what is under way ends first."""
        self.slow.commit()
        self.owner.execute("UPDATE business SET zone = %s WHERE id = %s", [zone, self.business])

    def drop_weekly(self, member: int, weekday: int) -> None:
        """Take a weekday's hours away."""
        self.owner.execute(
            "DELETE FROM working_hours WHERE lane_no = %s AND weekday = %s", [self.lanes[member], weekday]
        )

    def slowly(self, start: int) -> None:
        """Write in the long transaction, on the reserve's lane, so that nobody has to wait for it."""
        self.external(-1, start, 900, self.slow)

    def slow_hours(self, ahead: int) -> None:
        """Close a day of the reserve in the long transaction."""
        self.slow.execute(
            "INSERT INTO staff_day (business_id, lane_no, day, hours) VALUES (%s, %s, %s, '{}') "
            "ON CONFLICT (business_id, lane_no, day) DO UPDATE SET hours = '{[540,600)}'",
            [self.business, self.lanes[-1], FIRST_DAY + timedelta(days=ahead)],
        )

    async def look(self, process: int) -> View:
        """Bring a process's view up to date and return it."""
        self.seen[process] = await views.refreshed(self.processes[process], self.seen[process])
        return self.seen[process]

    def end_slow(self, keep: int) -> None:
        """End the long transaction, either way."""
        self.slow.commit() if keep else self.slow.rollback()

    async def _done(self, made: list[UUID], command) -> str:
        try:
            outcome = await command
        except InterlockError as refusal:
            return refusal.code
        made.append(getattr(outcome, "id", None))
        return "done"

    def _offered(self, view: View, member: int, service: int, which: int) -> datetime:
        wanted, who = self.services[service], self.staff[member]
        if wanted not in view.snapshot.service_index or who not in view.snapshot.staff_index:
            return NOW
        query = SlotQuery(wanted, NOW, NOW + timedelta(days=DAYS), [who])
        slots = find_slots(view.snapshot, query, NOW)
        return moment(slots.start[which % len(slots)]) if len(slots) else NOW

    @staticmethod
    def _quarter(quarter: int) -> datetime:
        return datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(minutes=15 * quarter)
