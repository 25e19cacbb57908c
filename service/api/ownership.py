"""Who may reach their own rows alone, reaches no other: a client's bookings and entries, a staff member's days."""

from typing import LiteralString
from uuid import UUID

from fastapi import Request

from models.errors import Forbidden, NotFound, Unauthenticated
from models.permissions import Principal, Role
from service.db.database import Database

CLIENT_OF: dict[str, LiteralString] = {
    "booking_id": "SELECT client_id FROM appointment WHERE business_id = %s AND id = %s",
    "offer_id": (
        "SELECT w.client_id FROM offer o JOIN waitlist_entry w ON w.business_id = o.business_id AND w.id = o.entry_id "
        "WHERE o.business_id = %s AND o.id = %s"
    ),
    "entry_id": "SELECT client_id FROM waitlist_entry WHERE business_id = %s AND id = %s",
    "series_id": "SELECT client_id FROM series WHERE business_id = %s AND id = %s",
    "request_id": "SELECT client_id FROM booking_request WHERE business_id = %s AND id = %s",
}
"""Path parameters whose row says which client it is about."""


async def check(request: Request, principal: Principal, business_id: UUID) -> None:
    """Raise unless what the request names is the principal's own; a request that names nothing is refused.

    Raises
    ------
    NotFound
        Another client's booking or entry: whether it exists is not told.
    Forbidden
        Another's name in the path, the query or the body; or nothing of one's own.
    """
    if principal.role is Role.STAFF:
        if principal.staff_id is None or str(principal.staff_id) != request.path_params.get("staff_id"):
            raise Forbidden("Staff may do this for themselves alone.")
        return
    owned = [
        await _is_theirs(request.app.state.interlock.db, business_id, principal, name, request.path_params[name])
        for name in CLIENT_OF
        if name in request.path_params
    ]
    elsewhere, said = request.query_params.getlist("client_id"), await _said_client(request)
    if any(named != str(principal.client_id) for named in [*elsewhere, *said]):
        raise Forbidden("Clients may do this for themselves alone.")
    if not all(owned):
        raise NotFound("There is no such thing of yours.")
    # What a query says counts where the operation reads it: a write's client is in its path or body.
    named = [*said, *elsewhere] if request.method == "GET" else said
    if not owned and (not named or principal.booking_id is not None):
        raise Forbidden("Clients may do this for themselves alone: say for whom.")


async def _is_theirs(db: Database, business_id: UUID, principal: Principal, name: str, value: str) -> bool:
    try:
        wanted = UUID(value)
    except ValueError:
        return False
    if principal.booking_id is not None and (name != "booking_id" or wanted != principal.booking_id):
        return False
    async with db.transaction(business_id) as tx:
        row = await tx.row(CLIENT_OF[name], [business_id, wanted])
    return row is not None and row["client_id"] is not None and row["client_id"] == principal.client_id


async def _said_client(request: Request) -> list[str]:
    """Return the clients that the path and the body name."""
    places = (request.path_params, await _json_object(request))
    return [str(place["client_id"]) for place in places if place.get("client_id") is not None]


async def check_hold(request: Request) -> None:
    """Raise `Unauthenticated` unless the body carries a hold with its token, and no client's id.

    Whoever holds a time says who they are in the same request; an id would let them book in another's name.
    """
    body = await _json_object(request)
    if not body.get("hold_id") or not body.get("token") or body.get("client_id") is not None:
        raise Unauthenticated("Sign in, or send a key; without either, confirm a hold with its token and a new client.")


async def _json_object(request: Request) -> dict[str, object]:
    if request.method in ("GET", "DELETE") or not await request.body():
        return {}
    body = await request.json()
    return body if isinstance(body, dict) else {}
