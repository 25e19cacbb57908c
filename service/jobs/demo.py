"""The demo clinic: two coming weeks, filled by a generated twin's requests through the real commands."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from models.errors import NotFound
from models.permissions import Role
from service.commands import accounts, changes, members, sessions
from service.commands.changes import Change
from service.db.command import Scope
from service.db.database import Database
from service.db.views import Views, load
from service.jobs.optimise import plan_waitlist
from service.jobs.replay.draw import Clinic, draw
from service.jobs.replay.opening import Calendar, open_clinic
from service.jobs.replay.own_view import OwnViews
from service.jobs.replay.requests import Request
from service.jobs.replay.simulation import Simulation
from service.jobs.replay.twin import generate
from service.queries import businesses
from solver.answer import Effort

SLUG, NAME, SEED = "demo-clinic", "Demo Clinic", 7
OWNER = "owner@demo-clinic.example"
REQUESTS, WORKING_DAYS = 640, 10
AHEAD = timedelta(days=21)
"""How much earlier everybody asks than in the twin: nobody of a demo asks in the future."""

STAFF = (
    "Dr Almeida",
    "Dr Barros",
    "Nurse Cunha",
    "Dr Duarte",
    "Nurse Esteves",
    "Dr Freitas",
    "Nurse Gomes",
    "Dr Horta",
)
SERVICES = ("Vaccination", "Check-up", "Consultation", "Wound care")
PLACE, TELEPHONE, CURRENCY = "Rua das Flores 12, São Paulo", "+55 11 4000 0000", "BRL"
PRICES = {"Vaccination": 9000, "Check-up": 15000, "Consultation": 28000, "Wound care": 12000}
FIRST = ("Ana", "Bruno", "Carla", "Diego", "Elisa", "Fábio", "Gilda", "Hugo", "Iris", "João", "Kátia", "Luís", "Marta")
LAST = ("Costa", "Dias", "Faria", "Gomes", "Leal", "Lima", "Matos", "Melo", "Nunes", "Pires", "Reis", "Rocha", "Serra")


@dataclass(frozen=True, slots=True)
class Demo:
    """What was set up: the business's public name, its first day, and the plan that waits for a yes."""

    slug: str
    first_day: date
    run_id: UUID | None
    requests: int


async def set_up(db: Database, now: datetime, told: Callable[[int, int], None]) -> Demo:
    """Fill the demo clinic, or leave the one that is there; `told` gets requests done and of all."""
    first_day = _next_monday(now.date())
    try:
        await businesses.by_slug(db, SLUG)
    except NotFound:
        pass
    else:
        return Demo(SLUG, first_day, None, 0)
    twin = generate(REQUESTS, 1, WORKING_DAYS, start=first_day, seed=SEED)
    requests = [request._replace(requested_at=request.requested_at - AHEAD) for request in twin]
    simulation = await _open(db, requests)
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        told(done, len(requests))

    # No evening runs: the waitlist is left to the plan that the visitor is to look at.
    await simulation.run(one_more, until=now, last_evening=date.min)
    last_day = first_day + timedelta(days=11)
    run_id = await plan_waitlist(simulation.opened.scope, Views(db), (first_day, last_day), now)
    return Demo(SLUG, first_day, run_id, len(requests))


async def owner_link(db: Database, slug: str) -> str:
    """Return a token that signs the demo's owner in, once; their account is made where there is none."""
    business = await businesses.by_slug(db, slug)
    try:
        account_id = (await accounts.by_email(db, OWNER)).id
    except NotFound:
        account_id = await accounts.add(db, accounts.NewAccount(OWNER, "Demo Owner"))
    place = members.Assignment(account_id, members.Place(Role.OWNER))
    await members.assign(Scope(db, business.id, actor="demo"), place)
    return await sessions.sign_in_link(db, account_id)


async def _open(db: Database, requests: list[Request]) -> Simulation:
    calendar = Calendar.of(requests)
    clinic = _named(_short_of_one(draw(NAME, requests, SEED)))
    opened = await open_clinic(db, clinic, requests, calendar, SEED, slug=SLUG, client_name=_client_name)
    await _furnish(opened.scope)
    view = await load(db, opened.scope.business_id, *calendar.horizon)
    return Simulation(clinic, requests, opened, OwnViews(db, view), Effort(SEED, 1.0))


async def _furnish(scope: Scope) -> None:
    """Give the clinic an address and prices."""
    own = {"currency": CURRENCY, "settings": {"place": PLACE, "phone": TELEPHONE}}
    await changes.change_business(scope, Change(scope.business_id, own))
    for service in await businesses.services(scope.db, scope.business_id):
        await changes.change_service(scope, Change(service.id, {"price_cents": PRICES[service.name]}))


def _short_of_one(clinic: Clinic) -> Clinic:
    """Leave out the last of the staff, on leave for these weeks: that is how a waitlist grows."""
    away = len(clinic.staff) - 1
    wishes = tuple(replace(wish, staff=None) if wish.staff == away else wish for wish in clinic.wishes)
    staff = tuple(replace(m, services=tuple(range(len(clinic.services)))) for m in clinic.staff[:1])
    return replace(clinic, staff=(*staff, *clinic.staff[1:away]), wishes=wishes)


def _named(clinic: Clinic) -> Clinic:
    """Give staff and services names that one remembers."""
    staff = tuple(replace(m, name=STAFF[i % len(STAFF)] + " I" * (i // len(STAFF))) for i, m in enumerate(clinic.staff))
    services = tuple(replace(service, name=SERVICES[i]) for i, service in enumerate(clinic.services))
    return replace(clinic, staff=staff, services=services)


def _client_name(number: int) -> str:
    return f"{FIRST[number % len(FIRST)]} {LAST[number // len(FIRST) % len(LAST)]}"


def _next_monday(today: date) -> date:
    return today + timedelta(days=7 - today.weekday())
