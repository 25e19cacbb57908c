"""A client's visit to a business's pages: what the address says, in which words and zone."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, Field

from models.errors import InvalidInput, NotFound
from models.zones import zone_named
from service.db.command import Scope
from service.db.database import Database
from service.db.origin import Origin
from service.db.views import View
from service.queries import businesses, storefronts
from service.queries.businesses import Service
from service.queries.finding import ItemWanted
from service.queries.storefronts import Storefront
from service.web.offer import Place, Time, Wish
from service.web.pages import page
from service.web.several import VisitWish
from service.web.words import Words, chosen_language
from solver.visits import MAXIMUM_ITEMS

FIRST_DAY, LAST_DAY = date(1970, 1, 3), date(8999, 1, 1)
PublicName = Annotated[str, Path(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
# fmt: off
ZONES = (
    "Europe/London", "Europe/Lisbon", "Europe/Madrid", "Europe/Paris", "Europe/Berlin", "Europe/Athens",
    "Europe/Istanbul", "Europe/Moscow", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi",
    "America/Sao_Paulo", "America/Argentina/Buenos_Aires", "America/Mexico_City", "America/New_York",
    "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Toronto", "Asia/Tehran", "Asia/Dubai",
    "Asia/Karachi", "Asia/Kolkata", "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
    "Pacific/Auckland",
)
# fmt: on
"""Offered in the list; any other zone can stand in the address."""


def _given(chosen: str) -> str | None:
    # A list whose first entry stands for none sends an empty text.
    return chosen or None


def _all_given(chosen: list[str]) -> list[str]:
    return [one for one in chosen if one]


class Asked(BaseModel):
    """The query of a page's address; every link carries it on.

    `also` are services after the first, in the order in which they are done; `people` how many come; `own` is the hold
    of a frame that may have no cookies, as one would be.
    """

    service: UUID | None = None
    also: Annotated[list[UUID], BeforeValidator(_all_given), Field(max_length=MAXIMUM_ITEMS - 1)] = Field(default=[])
    people: Annotated[int, Field(ge=1, le=1000)] = 1
    staff: Annotated[UUID | None, BeforeValidator(_given)] = None
    first: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    day: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    span: Literal["week", "month"] = "week"
    zone: Annotated[str, Field(max_length=64)] | None = None
    lang: Annotated[str, Field(max_length=8)] | None = None
    embed: bool = False
    own: Annotated[str, Field(max_length=200)] | None = None
    said: Literal["booked", "moved", "cancelled", "declined", "left"] | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a client: the business, what was asked for, the words and the zone to answer in."""

    request: Request
    store: Storefront
    asked: Asked
    words: Words
    zone: ZoneInfo
    now: datetime

    @property
    def db(self) -> Database:
        """The app's database."""
        db: Database = self.request.app.state.interlock.db
        return db

    @property
    def scope(self) -> Scope:
        """For commands that the client gives."""
        return Scope(self.db, self.store.id, actor="client", origin=Origin.of(self.request.scope))

    async def view(self) -> View:
        """Return arrays that hold every change committed before now."""
        view: View = await self.request.app.state.interlock.views.current(self.store.id, self.now)
        return view

    async def services(self) -> list[Service]:
        """Return what the business sells."""
        return await businesses.services(self.db, self.store.id)

    async def chosen(self) -> list[Service]:
        """Return the services asked for, in order, the first of all where none was; raises `NotFound`."""
        sold = await self.services()
        known = {service.id: service for service in sold}
        asked = [self.asked.service or sold[0].id, *self.asked.also] if sold else []
        if not asked or any(id_ not in known for id_ in asked):
            raise NotFound("There is no such service.")
        return [known[id_] for id_ in asked]

    def wish(self, view: View, services: Sequence[Service]) -> Wish:
        """Return the question to the slot finder: who is asked for does what they do, the rest anyone."""
        items = tuple(ItemWanted(service.id, self.staff_for(view, service.id)) for service in services)
        kind = Wish if len(items) == 1 else VisitWish
        return kind(view, items, self.zone, self.now, min(self.asked.people, most_people(view, services)))

    def staff_for(self, view: View, service_id: UUID) -> tuple[UUID, ...] | None:
        """Return who was asked for if they do a service; None means anybody who does."""
        asked = self.asked.staff
        return (asked,) if asked is not None and asked in performers(view, [service_id]) else None

    def url(self, path: str = "", **changes: object) -> str:
        """Return an address on this business's pages that keeps what was asked for, but for some changes."""
        query = {**self.asked.model_dump(exclude_defaults=True), **changes}
        kept = _pairs(query)
        return f"/b/{self.store.slug}{path}" + (f"?{urlencode(kept)}" if kept else "")

    def anew(self, path: str = "") -> str:
        """Return an address where nothing is chosen yet; words, zone and frame stay."""
        kept = self.kept("lang", "zone", "embed")
        return f"/b/{self.store.slug}{path}" + (f"?{urlencode(kept)}" if kept else "")

    def kept(self, *names: str) -> list[tuple[str, object]]:
        """Return some of what was asked for, for the hidden fields of a form."""
        return _pairs(self.asked.model_dump(include=set(names), exclude_defaults=True))

    def here(self, language: str) -> str:
        """Return this page's address in another language; a form's answer leads back to the times."""
        base = f"/b/{self.store.slug}"
        path = self.request.url.path.removeprefix(base) if self.request.method == "GET" else ""
        return self.url(path, lang=language)

    def zones(self) -> list[ZoneInfo]:
        """Return the zones to choose from, the business's first."""
        return [zone_named(key) for key in dict.fromkeys([self.store.zone, self.zone.key, *ZONES])]

    def set_cookie(self, answer: Response, name: str, value: str, seconds: int) -> None:
        """Give the browser a cookie for this business's pages alone, out of scripts' reach."""
        is_secure = self.request.url.scheme == "https"
        framed = self.asked.embed and is_secure
        answer.set_cookie(
            name,
            value,
            max_age=seconds,
            path=f"/b/{self.store.slug}",
            httponly=True,
            secure=is_secure,
            samesite="none" if framed else "lax",
        )
        if framed:
            # In the widget's frame the cookie is a third party's; browsers keep such apart by the site around (CHIPS).
            cookies = answer.raw_headers
            name_of, text = cookies[-1]
            cookies[-1] = (name_of, text + b"; Partitioned")

    def page(self, template: str, status: int = 200, **context: object) -> Response:
        """Return a page of the business; only a page asked for by the widget may stand in a frame."""
        shared = {"visit": self, "store": self.store, "words": self.words, "zone": self.zone, "asked": self.asked}
        framed_by = "*" if self.asked.embed else "'none'"
        return page(
            self.request, template, shared | context, status, framed_by=framed_by, pictures=self.store.logo_site
        )


def _pairs(query: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return what stands in an address: a pair for each of several values, none for what is not asked for."""
    several = [(name, value if isinstance(value, list) else [value]) for name, value in query.items()]
    given = [(name, value) for name, values in several for value in values if value not in (None, False)]
    return [(name, "1" if value is True else value) for name, value in given]


def performers(view: View, services: Iterable[UUID]) -> set[Hashable]:
    """Return the staff who do one of some services, or more."""
    snapshot = view.snapshot
    rows = [snapshot.durations[snapshot.service_index[service]] for service in services]
    return {member for member, index in snapshot.staff_index.items() if any(row[index] for row in rows)}


def most_people(view: View, services: Sequence[Service]) -> int:
    """Return how many can come at once: more than one only where every service is for groups."""
    snapshot = view.snapshot
    return min(snapshot.services[snapshot.service_index[service.id]].seats for service in services)


async def visit(request: Request, slug: PublicName, asked: Annotated[Asked, Query()]) -> Visit:
    """Return the visit that a request is part of; raises `NotFound`, `InvalidInput`."""
    interlock = request.app.state.interlock
    store = await storefronts.by_slug(interlock.db, slug)
    words = chosen_language(asked.lang, request.headers.get("accept-language"))
    return Visit(request, store, asked, words, zone_named(asked.zone or store.zone), interlock.clock())


Visiting = Annotated[Visit, Depends(visit)]


def local_moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return the moment that a form's date and time of day mean in a zone; an offset that came with them is dropped."""
    return datetime.combine(day, clock.replace(tzinfo=None), zone)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A time that a button stands for; of several services also where each of the others is."""

    staff_id: UUID
    starts_at: datetime
    more: tuple[Place, ...] = ()

    @property
    def places(self) -> tuple[Place, ...]:
        """With whom and when each service is, in order."""
        return ((self.staff_id, self.starts_at), *self.more)

    def __str__(self) -> str:
        """Return what the button sends."""
        return ",".join(f"{staff}~{start.isoformat()}" for staff, start in self.places)

    @staticmethod
    def at(time: Time) -> "Chosen":
        """Return the choice of a time on offer."""
        [(staff, start), *more] = time.places
        return Chosen(staff, start, tuple(more))

    @staticmethod
    def of(text: str) -> "Chosen":
        """Return the time that a button sent; raises `InvalidInput`."""
        (staff, start), *more = (_place(part) for part in text.split(","))
        return Chosen(staff, start, tuple(more))


def _place(text: str) -> Place:
    staff, _, start = text.partition("~")
    try:
        place = UUID(staff), datetime.fromisoformat(start)
    except ValueError as error:
        raise InvalidInput("That is no time of ours.") from error
    if place[1].tzinfo is None or not FIRST_DAY.year < place[1].year < LAST_DAY.year:
        raise InvalidInput("That is no time of ours.")
    return place
