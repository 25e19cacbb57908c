"""A salon whose Monday is booked so that only a rebalance makes room, for tests of plans."""

from datetime import date, datetime, timedelta
from uuid import UUID

from models.optimisation import RunKind
from service.commands import bookings, optimisation, waitlist
from service.db.command import Scope
from service.db.views import Views
from service.jobs.optimise import Wanted, carry_out, start
from service.queries import optimisation as queries
from service.queries.optimisation import Run
from service.web.words import house_catalogue
from tests.service.worlds import ANA, COLOUR, CUT, MONDAY_10, NOW, client

MONDAY = MONDAY_10.date()


def monday(hour: int, minute: int = 0) -> datetime:
    """A time on the first bookable day."""
    return MONDAY_10.replace(hour=hour, minute=minute)


async def booked(
    scope: Scope, at: datetime, *, staff: UUID = ANA, service: UUID = CUT, name: str = "Maria Costa"
) -> UUID:
    """Book a time for a client of that name."""
    view = await Views(scope.db).current(scope.business_id, NOW)
    order = bookings.BookRequest(service, staff, at, await client(scope, name), source="test")
    return (await bookings.book(scope, order, view=view, now=NOW)).id


async def waits(
    scope: Scope,
    start_at: datetime,
    end: datetime,
    *,
    service: UUID = COLOUR,
    priority: int = 5,
    name: str = "Rui Dias",
) -> UUID:
    """Put a client of that name on the waitlist."""
    wish = waitlist.Joining(await client(scope, name), service, ((start_at, end),), None, priority)
    return (await waitlist.join(scope, wish, now=NOW - timedelta(days=3))).id


async def fragmented(scope: Scope) -> tuple[UUID, UUID]:
    """Ana's cut at 09:45 stands in the way of the colour that a client waits for between 9 and 11; both ids."""
    return await booked(scope, monday(9, 45)), await waits(scope, monday(9), monday(11))


async def planned(
    scope: Scope, kind: RunKind = RunKind.REBALANCE, *, days: tuple[date, date] = (MONDAY, MONDAY), now=NOW, **choices
) -> Run:
    """Carry out a run and return it."""
    views = Views(scope.db)
    ids = await start(scope, views, Wanted(days, kind, **choices), now)
    await carry_out(scope, views, ids, now)
    await _translated(scope, ids[0])
    return await queries.read(scope.db, scope.business_id, ids[0])


async def _translated(scope: Scope, run_id: UUID) -> None:
    """Whatever a plan says has its translations."""
    for said in (await queries.said(scope.db, scope.business_id, run_id)).values():
        for english, fields in (part for parts in said.values() for part in parts):
            clauses = [clause for _, value in fields.items() for clause in _clauses(value)]
            for language in ("de", "es", "fa"):
                assert {english, *clauses} <= house_catalogue(language).keys()


def _clauses(value: object) -> list[str]:
    names = value.get("names", []) if isinstance(value, dict) else []
    return [english for name in names if isinstance(name, list) for english, _ in name]


async def accepted(scope: Scope, run: Run, moves=None, now=NOW) -> optimisation.Applied:
    """Apply a run without planning again."""
    return await optimisation.apply(scope, run.id, moves, now=now)


async def places(scope: Scope, day: date = MONDAY) -> dict[str, tuple[UUID, datetime]]:
    """Who is with whom and when on a day, by the client's name."""
    from service.queries import bookings as rows  # noqa: PLC0415

    midnight = MONDAY_10.replace(hour=0) + (day - MONDAY)
    found = await rows.between(scope.db, scope.business_id, midnight, midnight + timedelta(days=1))
    return {item.client or "": (item.staff_id, item.starts_at) for item in found}
