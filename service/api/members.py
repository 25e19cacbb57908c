"""People and keys of a business: members, invitations, API keys."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints

from models.permissions import Role
from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, OfPath
from service.api.paging import Paged
from service.api.schemas import Body, Email, Instant, Name
from service.commands import keys as key_commands
from service.commands import members as commands
from service.queries import members as queries

router = APIRouter(tags=["people"], route_class=StrictRoute)
Scopes = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(min_length=1, max_length=100)]


class PlaceBody(Body):
    """A role, and which staff member or client it is."""

    role: Literal["owner", "manager", "staff", "client"]
    staff_id: UUID | None = None
    client_id: UUID | None = None


class InvitationBody(PlaceBody):
    """Whom to invite, as what."""

    email: Email


class KeyBody(Body):
    """A key to make."""

    name: Name
    scopes: Scopes
    expires_at: Instant | None = None


class InvitationMade(BaseModel):
    """An invitation; the token is shown this once."""

    id: UUID
    token: str


class KeyMade(BaseModel):
    """A key; the whole of it is shown this once."""

    id: UUID
    prefix: str
    key: str
    expires_at: datetime | None


@router.get("/members", operation_id="listMembers")
async def list_members(
    db: Db, business: OfPath, pages: Paged, role: Literal["owner", "manager", "staff", "client"] | None = None
) -> list[queries.Member]:
    """Who belongs to the business, and as what."""
    return pages.linked(await queries.members(db, business.id, pages.page, role=role))


@router.put("/members/{account_id}", operation_id="setRole", status_code=204)
async def set_role(scope: Commanding, account_id: UUID, body: PlaceBody) -> Response:
    """Give a member another place; who is none yet has to be invited."""
    await commands.change(scope, commands.Assignment(account_id, _place(body)))
    return Response(status_code=204)


@router.delete("/members/{account_id}", operation_id="removeMember", status_code=204)
async def remove_member(scope: Commanding, account_id: UUID) -> Response:
    """End a membership."""
    await commands.remove(scope, account_id)
    return Response(status_code=204)


@router.get("/invitations", operation_id="listInvitations")
async def list_invitations(db: Db, business: OfPath, pages: Paged) -> list[queries.OpenInvitation]:
    """The invitations that nobody has taken up yet."""
    return pages.linked(await queries.invitations(db, business.id, pages.page))


@router.post("/invitations", operation_id="invite", status_code=201)
async def invite(scope: Commanding, body: InvitationBody) -> InvitationMade:
    """Invite somebody: the token, sent to them, opens the place within a week."""
    made = await commands.invite(scope, commands.Invited(body.email, _place(body)))
    return InvitationMade(id=made.id, token=made.token)


@router.delete("/invitations/{invitation_id}", operation_id="revokeInvitation", status_code=204)
async def revoke_invitation(scope: Commanding, invitation_id: UUID) -> Response:
    """Take an invitation back."""
    await commands.revoke_invitation(scope, invitation_id)
    return Response(status_code=204)


@router.get("/keys", operation_id="listKeys")
async def list_keys(db: Db, business: OfPath, pages: Paged, *, revoked: bool | None = None) -> list[queries.ListedKey]:
    """The API keys with scopes and last use, without their secrets."""
    return pages.linked(await queries.keys(db, business.id, pages.page, revoked=revoked))


@router.post("/keys", operation_id="createKey", status_code=201)
async def create_key(scope: Commanding, body: KeyBody) -> KeyMade:
    """Make an API key; it is shown this once."""
    made = await key_commands.create(scope, key_commands.NewKey(body.name, tuple(body.scopes), body.expires_at))
    return KeyMade(id=made.id, prefix=made.prefix, key=made.key, expires_at=body.expires_at)


@router.delete("/keys/{key_id}", operation_id="revokeKey", status_code=204)
async def revoke_key(scope: Commanding, key_id: UUID) -> Response:
    """Revoke a key at once."""
    await key_commands.revoke(scope, key_id)
    return Response(status_code=204)


def _place(body: PlaceBody) -> commands.Place:
    return commands.Place(Role(body.role), body.staff_id, body.client_id)
