"""Settings: who belongs to the business and in which role, who is invited, and its API keys."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from models.errors import InterlockError, NotFound, Unavailable
from models.permissions import KEY_SCOPES, Role
from service.commands import keys, members
from service.commands.keys import NewKey
from service.commands.members import Assignment, Place
from service.queries import businesses
from service.queries import members as queries
from service.web.house import House, house, reason
from service.web.pages import PageRoute

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Wanted = Literal["owner", "manager", "staff"]


async def _page(here: House, *, problem: str | None = None, shown_once: tuple[str, str] | None = None) -> Response:
    owns = here.may("listKeys")
    return here.page(
        "people.html",
        409 if problem else 200,
        problem=problem,
        shown_once=shown_once,
        members=await queries.members(here.db, here.business.id),
        invitations=await queries.invitations(here.db, here.business.id),
        keys=await queries.keys(here.db, here.business.id) if owns else [],
        staff=await businesses.staff(here.db, here.business.id),
        scopes=sorted(KEY_SCOPES),
        owns=owns,
    )


@router.get("/board/{slug}/settings/people")
async def show(here: Annotated[House, house("listMembers")]) -> Response:
    """People, invitations and keys."""
    return await _page(here)


@router.post("/board/{slug}/settings/people")
async def invite(
    here: Annotated[House, house("invite")],
    email: Annotated[str, Form(max_length=254)],
    role: Annotated[Wanted, Form()] = "staff",
    staff: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Invite somebody; the address to join at is shown once."""
    try:
        place = Place(Role(role), UUID(staff) if staff and role == "staff" else None)
        invitation = await members.invite(here.scope, members.Invited(email.strip(), place))
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _page(here, problem=reason(refusal))
    address = f"{here.request.base_url}join?token={invitation.token}"
    once = "The invitation's address, shown this once; give it to them yourself"
    return await _page(here, shown_once=(once, address))


@router.post("/board/{slug}/settings/people/{account_id}")
async def change(
    here: Annotated[House, house("setRole")],
    account_id: UUID,
    role: Annotated[Literal["owner", "manager", "staff", "none"], Form()],
) -> Response:
    """Give somebody another role, or none; they stay the staff member that they are."""
    try:
        if role == "none":
            await members.remove(here.scope, account_id)
        else:
            known = {m.account_id: m.staff_id for m in await queries.members(here.db, here.business.id)}
            await members.change(here.scope, Assignment(account_id, Place(Role(role), known.get(account_id))))
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _page(here, problem=reason(refusal))
    return RedirectResponse(here.url("/settings/people"), status_code=303)


@router.post("/board/{slug}/settings/invitations/{invitation_id}/revoke")
async def revoke_invitation(here: Annotated[House, house("revokeInvitation")], invitation_id: UUID) -> Response:
    """Take an invitation back."""
    await members.revoke_invitation(here.scope, invitation_id)
    return RedirectResponse(here.url("/settings/people"), status_code=303)


@router.post("/board/{slug}/settings/keys")
async def create_key(
    here: Annotated[House, house("createKey")],
    name: Annotated[str, Form(max_length=200)],
    scopes: Annotated[list[str] | None, Form(max_length=50)] = None,
) -> Response:
    """Make a key; it is shown once."""
    try:
        key = await keys.create(here.scope, NewKey(name.strip(), tuple(scopes or ())))
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _page(here, problem=reason(refusal))
    return await _page(here, shown_once=("The key, shown this once", key.key))


@router.post("/board/{slug}/settings/keys/{key_id}/revoke")
async def revoke_key(here: Annotated[House, house("revokeKey")], key_id: UUID) -> Response:
    """Revoke a key."""
    await keys.revoke(here.scope, key_id)
    return RedirectResponse(here.url("/settings/people"), status_code=303)
