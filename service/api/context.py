"""What every route needs: the business of the path, the scope of a command, a fresh view.

All of them are coroutines: FastAPI runs each plain function in a thread of its own, which costs a booking more than the
function does.
"""

from datetime import datetime
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request, Response

from models.errors import Forbidden, InvalidInput
from models.permissions import Role
from models.states import Party
from service.api.security import Who, business_of
from service.db.command import Scope
from service.db.database import Database
from service.db.origin import Origin
from service.db.own_time import seen_by_holder
from service.db.views import View, Views
from service.queries import catalogue
from service.queries.businesses import Business

Slug = Annotated[
    str, Path(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100, description="The business's public name.")
]


async def business_of_path(request: Request, business: Slug) -> Business:
    """Return the business that the path names."""
    return await business_of(request, business)


OfPath = Annotated[Business, Depends(business_of_path)]


async def database(request: Request) -> Database:
    """Return the app's database."""
    db: Database = request.app.state.interlock.db
    return db


Db = Annotated[Database, Depends(database)]


async def origin_of_request(request: Request) -> Origin:
    """Return from where a request comes; its id is the caller's if that can be kept, else one of ours."""
    return Origin.of(request.scope)


FromWhere = Annotated[Origin, Depends(origin_of_request)]
Key = Annotated[str | None, Header(min_length=1, max_length=255)]


async def scope_of_request(db: Db, business: OfPath, who: Who, origin: FromWhere, idempotency_key: Key = None) -> Scope:
    """Return the scope of a command: the path's business, who asks, and the caller's idempotency key."""
    visitor = origin.address if who.is_anonymous else None
    return Scope(db, business.id, who.actor, idempotency_key, origin, visitor)


Commanding = Annotated[Scope, Depends(scope_of_request)]


async def party_of(who: Who) -> Party:
    """Return as whom someone does what the house alone may; a key with the scope does it as those who work there."""
    if who.role is Role.CLIENT:
        return Party.CLIENT
    return Party.STAFF if who.role in (Role.STAFF, None) else Party.MANAGER


By = Annotated[Party, Depends(party_of)]


async def deleted_asked(
    who: Who, *, deleted: Annotated[bool, Query(description="The deleted ones, for those who work there.")] = False
) -> bool:
    """Return whether the deleted rows of a list are asked for, by somebody of the house.

    Raises
    ------
    Forbidden
        Without an account, or as a client.
    """
    if deleted and (who.is_anonymous or who.role is Role.CLIENT):
        raise Forbidden("What is deleted is shown to those who work there.")
    return deleted


Deleted = Annotated[bool, Depends(deleted_asked)]


async def booker_of(who: Who) -> Party:
    """Return as whom someone books, moves or cancels: without an account, or with a key, as a client.

    A key is a booking page's: whoever stands behind it is held to the deadlines, fees and approvals of a client.
    """
    return Party.CLIENT if who.role is None else await party_of(who)


Booker = Annotated[Party, Depends(booker_of)]


async def views_of(request: Request) -> Views:
    """Return the arrays of all businesses."""
    views: Views = request.app.state.interlock.views
    return views


AllViews = Annotated[Views, Depends(views_of)]


async def fresh_view(request: Request, views: AllViews, business: OfPath) -> View:
    """Return arrays that hold every change committed before this request."""
    return await views.current(business.id, request.app.state.interlock.clock())


Fresh = Annotated[View, Depends(fresh_view)]


async def seen_view(db: Db, view: Fresh, hold_token: Annotated[str | None, Header(max_length=200)] = None) -> View:
    """Return the arrays as who sends a hold's token sees them: its own time shows as free."""
    return view if hold_token is None else await seen_by_holder(db, view, hold_token)


Seen = Annotated[View, Depends(seen_view)]


async def recent_view(
    request: Request,
    db: Db,
    views: AllViews,
    business: OfPath,
    who: Who,
    hold_token: Annotated[str | None, Header(max_length=200)] = None,
    cache_control: Annotated[str | None, Header(max_length=200)] = None,
) -> View:
    """Return arrays that were current at most 50 ms ago; fresh ones to who may have changed something elsewhere.

    That is who comes with a credential or a hold's token, or asks with `no-cache` (RFC 9111, 5.2.1.4).
    """
    if hold_token is not None:
        return await seen_view(db, await fresh_view(request, views, business), hold_token)
    if not who.is_anonymous or "no-cache" in (cache_control or ""):
        return await fresh_view(request, views, business)
    return await views.recent(business.id, request.app.state.interlock.clock())


Recent = Annotated[View, Depends(recent_view)]


async def clock(request: Request) -> datetime:
    """Return the present moment by the installation's clock."""
    now: datetime = request.app.state.interlock.clock()
    return now


Now = Annotated[datetime, Depends(clock)]


async def version_of(if_match: Annotated[str | None, Header()] = None) -> int | None:
    """Return the version that If-Match demands, None without the header or for `*`."""
    if if_match is None or if_match.strip() == "*":
        return None
    # What a read answers as ETag is the version and a digest of what was shown: the version decides.
    digits = if_match.strip().removeprefix('"').removesuffix('"').partition("-")[0]
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise InvalidInput('If-Match carries a version, such as "3".')
    return int(digits)


Expected = Annotated[int | None, Depends(version_of)]


class Versioned(Protocol):
    """What has a version."""

    @property
    def version(self) -> int | None:
        """The present one, None where it has none."""


T = TypeVar("T")
V = TypeVar("V", bound=Versioned)


def tagged(response: Response, written: V) -> V:
    """Return what was read or written, its version as the answer's ETag."""
    if written.version is not None:
        response.headers["ETag"] = f'"{written.version}"'
    return written


def tagged_beside(response: Response, written: tuple[T, int]) -> T:
    """Return what was written, the version that it left its business at as the answer's ETag."""
    value, version = written
    response.headers["ETag"] = f'"{version}"'
    return value


async def staff_asked(
    db: Db,
    business: OfPath,
    staff_id: Annotated[list[UUID] | None, Query(max_length=100)] = None,
    location_id: Annotated[UUID | None, Query(description="Those who work there.")] = None,
) -> tuple[UUID, ...] | None:
    """Return who is asked for by id, by location, or both; None for anybody. Raises `NotFound` for no location."""
    if location_id is None:
        return None if staff_id is None else tuple(staff_id)
    there = await catalogue.staff_at(db, business.id, location_id)
    return tuple(sorted(there if staff_id is None else there & set(staff_id)))


StaffAsked = Annotated[tuple[UUID, ...] | None, Depends(staff_asked)]
