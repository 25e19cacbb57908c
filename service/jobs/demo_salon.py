"""The demo salon: one day booked full of gaps, and a waitlist that only a re-fitted day has room for."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from models.errors import NotFound
from models.optimisation import RunKind, StaffAllowed
from service.commands import bookings, clients, waitlist
from service.commands.allowances import Allowed
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db.command import Scope
from service.db.database import Database
from service.db.views import Views
from service.jobs.optimise import Wanted, carry_out, start
from service.queries import businesses

SLUG, NAME, ZONE = "demo-salon", "Demo Salon", "Europe/Lisbon"
KEY = UUID("6a0a54c1-5d0f-5c59-8a1b-7d0c9a1f2b11")
STYLISTS = ("Alba", "Bela", "Celso", "Dora")
CUT, COLOUR = (uuid5(KEY, name) for name in ("Cut", "Colour"))
STARTS = (570, 645, 720, 795, 870, 945)
"""Local minutes at which each stylist's cuts of 45 minutes begin: between them half an hour lies idle."""
PRIORITIES = (5, 5, 3, 2, 2, 1, 1, 1, 1)
BOOKED = ("Ada", "Bento", "Clara", "Duarte", "Eva", "Filipe", "Gloria", "Heitor", "Ines", "Jaime", "Lia", "Mario")
SURNAMES = (
    "Sousa",
    "Pinto",
    "Moreira",
    "Tavares",
    "Lopes",
    "Neves",
    "Teixeira",
    "Correia",
    "Antunes",
    "Vaz",
    "Cardoso",
)
WAITING = (
    *("Nina Rocha", "Otto Brandão", "Pia Salgado", "Quim Ferraz", "Rosa Amaral", "Saul Paiva", "Tina Guerra"),
    *("Ugo Barreto", "Vera Falcão"),
)
LOCKED, EASY = 3, 8
"""Among the booked: one who must not be moved, and one who would come to anyone."""


@dataclass(frozen=True, slots=True)
class Evening:
    """The salon's name, the day that is planned, and the run; None where the salon was there already."""

    slug: str
    day: date
    run_id: UUID | None


async def set_up_salon(db: Database, day: date, now: datetime) -> Evening:
    """Open the demo salon, fill a day, and plan its evening by all three policies; or leave what is there."""
    try:
        await businesses.by_slug(db, SLUG)
    except NotFound:
        pass
    else:
        return Evening(SLUG, day, None)
    scope = Scope(db, uuid5(KEY, "salon"), actor="demo")
    await _open(scope)
    midnight = datetime.combine(day, datetime.min.time(), ZoneInfo(ZONE))
    await _book(scope, midnight, now)
    await _queue(scope, midnight, now)
    views = Views(db)
    ids = await start(scope, views, Wanted((day, day), RunKind.REBALANCE, seconds=20, alternatives=True), now)
    await carry_out(scope, views, ids, now)
    return Evening(SLUG, day, ids[0])


async def _open(scope: Scope) -> None:
    week = tuple(Span(weekday, 540, 1050) for weekday in range(6))
    staff = tuple(NewStaff(name, week, uuid5(KEY, name)) for name in STYLISTS)
    services = (NewService("Cut", 45, id=CUT), NewService("Colour", 90, id=COLOUR))
    await open_business(scope, Opening(NAME, SLUG, ZONE, staff, services))


async def _book(scope: Scope, midnight: datetime, now: datetime) -> None:
    """Each stylist's cuts, half an hour apart."""
    views = Views(scope.db)
    places = [(stylist, minute) for stylist in STYLISTS for minute in STARTS]
    for number, (stylist, minute) in enumerate(places):
        name = f"{BOOKED[number % len(BOOKED)]} {SURNAMES[number % len(SURNAMES)]}"
        client = await clients.register(scope, clients.NewClient(name))
        at, allowed = midnight + timedelta(minutes=minute), Allowed(locked=True) if number == LOCKED else None
        if number == EASY:
            allowed = Allowed(staff=StaffAllowed.ANY)
        view = await views.current(scope.business_id, now)
        order = bookings.BookRequest(CUT, uuid5(KEY, stylist), at, client, source="demo", allowed=allowed)
        await bookings.book(scope, order, view=view, now=now)


async def _queue(scope: Scope, midnight: datetime, now: datetime) -> None:
    """Clients who wait for a colour on that day: an hour and a half, which no gap has."""
    for number, (name, priority) in enumerate(zip(WAITING, PRIORITIES, strict=True)):
        client = await clients.register(scope, clients.NewClient(name))
        wish = waitlist.Joining(client, COLOUR, ((midnight, midnight + timedelta(days=1)),), None, priority)
        await waitlist.join(scope, wish, now=now - timedelta(days=number))
