"""What the pages of those who work in a business share: the business, its zone and clock, the scope of what they do."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Response

from models.errors import InterlockError, StaleVersion
from models.permissions import PERMISSIONS, Principal, only_own, refusal
from service.db.command import Scope
from service.db.database import Database
from service.db.views import View
from service.queries import clients
from service.queries.businesses import Business
from service.queries.clients import KnownClient
from service.web.pages import house_page, house_words
from service.web.session import Visitor, may
from service.web.words import Words


@dataclass(frozen=True, slots=True)
class House:
    """One request of somebody who works in a business."""

    request: Request
    business: Business
    principal: Principal
    scope: Scope
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The business's zone."""
        return ZoneInfo(self.business.zone)

    @property
    def today(self) -> date:
        """The present date in the business's zone."""
        return self.now.astimezone(self.zone).date()

    @property
    def db(self) -> Database:
        """The app's database."""
        return self.scope.db

    @property
    def words(self) -> Words:
        """The language that the pages speak."""
        return house_words(self.request)

    def may(self, operation: str, staff_id: UUID | None = None) -> bool:
        """Return whether whoever looks at the page may do an operation, if need be on a staff member's rows."""
        permission = PERMISSIONS[operation]
        if refusal(self.principal, permission, self.business.id) is not None:
            return False
        return not only_own(self.principal, permission) or (
            staff_id is not None and staff_id == self.principal.staff_id
        )

    async def contact(self, client_id: UUID | None) -> KnownClient | None:
        """Return how to reach a client, for who may see it."""
        if client_id is None or not self.may("readClient"):
            return None
        return await clients.read(self.db, self.business.id, client_id)

    async def view(self) -> View:
        """Return arrays that hold every change committed before now."""
        view: View = await self.request.app.state.interlock.views.current(self.business.id, self.now)
        return view

    def span(self, first: date, days: int = 1) -> tuple[datetime, datetime]:
        """Return local midnights around some dates, half-open."""
        ends = first + timedelta(days=days)
        return tuple(datetime.combine(day, datetime.min.time(), self.zone) for day in (first, ends))  # type: ignore[return-value] # two of them

    def url(self, path: str = "", **query: object) -> str:
        """Return an address below this business's board."""
        kept = {name: value for name, value in query.items() if value not in (None, "")}
        return f"/board/{self.business.slug}{path}" + (f"?{urlencode(kept)}" if kept else "")

    @property
    def events(self) -> str:
        """The address of the business's live events."""
        return f"/api/v1/businesses/{self.business.slug}/events"

    def page(self, template: str, status: int = 200, **context: object) -> Response:
        """Return a page of the house."""
        shared = {"house": self, "business": self.business, "zone": self.zone, "today": self.today}
        return house_page(self.request, template, shared | context, status)


def reason(refusal: InterlockError) -> str:
    """Return why something cannot be; what is nearest to it stands beside it, and versions are no words for people."""
    if isinstance(refusal, StaleVersion):
        return "Somebody has changed it meanwhile; this is how it stands now."
    return refusal.detail.split(" Nearest free:")[0]


def house(operation: str, *, own: bool = False) -> Any:  # noqa: ANN401 - FastAPI types Depends so
    """Return the dependency of a page for who may do an operation of the permission table; `own` as `session.may`."""

    async def found(request: Request, visitor: Annotated[Visitor, may(operation, own=own)]) -> House:
        now = request.app.state.interlock.clock()
        return House(request, visitor.business, visitor.principal, visitor.scope, now)

    return Depends(found)
