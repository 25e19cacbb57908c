"""A client's visit to a business's pages: what the address says, in which words and zone."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from models.errors import InvalidInput, NotFound
from models.zones import zone_named
from service.db.command import Scope
from service.db.database import Database
from service.db.views import View
from service.queries import businesses, storefronts
from service.queries.businesses import Service
from service.queries.storefronts import Storefront
from service.web.offer import Wish
from service.web.pages import page
from service.web.words import Words, chosen_language

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


class Asked(BaseModel):
    """The query of a page's address; every link carries it on."""

    service: UUID | None = None
    staff: UUID | None = None
    first: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    day: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    span: Literal["week", "month"] = "week"
    zone: Annotated[str, Field(max_length=64)] | None = None
    lang: Annotated[str, Field(max_length=8)] | None = None
    embed: bool = False
    said: Literal["booked", "moved", "cancelled"] | None = None


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
        return Scope(self.db, self.store.id, actor="client")

    async def view(self) -> View:
        """Return arrays that hold every change committed before now."""
        view: View = await self.request.app.state.interlock.views.current(self.store.id, self.now)
        return view

    async def services(self) -> list[Service]:
        """Return what the business sells."""
        return await businesses.services(self.db, self.store.id)

    async def service(self) -> Service:
        """Return the service asked for; raises `NotFound`."""
        found = next((s for s in await self.services() if s.id == self.asked.service), None)
        if found is None:
            raise NotFound("There is no such service.")
        return found

    async def wish(self, service_id: UUID, staff_id: UUID | None) -> Wish:
        """Return the question to the slot finder."""
        return Wish(await self.view(), service_id, staff_id, self.zone, self.now)

    def url(self, path: str = "", **changes: object) -> str:
        """Return an address on this business's pages that keeps what was asked for, but for some changes."""
        query = {**self.asked.model_dump(exclude_defaults=True), **changes}
        kept = {name: "1" if value is True else value for name, value in query.items() if value not in (None, False)}
        return f"/b/{self.store.slug}{path}" + (f"?{urlencode(kept)}" if kept else "")

    def kept(self, *names: str) -> dict[str, object]:
        """Return some of what was asked for, for the hidden fields of a form."""
        query = self.asked.model_dump(include=set(names), exclude_defaults=True)
        return {name: "1" if value is True else value for name, value in query.items()}

    def here(self, language: str) -> str:
        """Return this page's address in another language; a form's answer leads back to the times."""
        base = f"/b/{self.store.slug}"
        path = self.request.url.path.removeprefix(base) if self.request.method == "GET" else ""
        return self.url(path, lang=language)

    def zones(self) -> list[str]:
        """Return the zones to choose from, the business's first."""
        return list(dict.fromkeys([self.store.zone, self.zone.key, *ZONES]))

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


async def visit(request: Request, slug: PublicName, asked: Annotated[Asked, Query()]) -> Visit:
    """Return the visit that a request is part of; raises `NotFound`, `InvalidInput`."""
    interlock = request.app.state.interlock
    store = await storefronts.by_slug(interlock.db, slug)
    words = chosen_language(asked.lang, request.headers.get("accept-language"))
    return Visit(request, store, asked, words, zone_named(asked.zone or store.zone), interlock.clock())


Visiting = Annotated[Visit, Depends(visit)]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A time that a button stands for."""

    staff_id: UUID
    starts_at: datetime

    def __str__(self) -> str:
        """Return what the button sends."""
        return f"{self.staff_id}~{self.starts_at.isoformat()}"

    @staticmethod
    def of(text: str) -> "Chosen":
        """Return the time that a button sent; raises `InvalidInput`."""
        staff, _, start = text.partition("~")
        try:
            chosen = Chosen(UUID(staff), datetime.fromisoformat(start))
        except ValueError as error:
            raise InvalidInput("That is no time of ours.") from error
        if chosen.starts_at.tzinfo is None or not FIRST_DAY.year < chosen.starts_at.year < LAST_DAY.year:
            raise InvalidInput("That is no time of ours.")
        return chosen
