"""One's own account: tokens by OAuth 2.0 (RFC 6749), sessions, password, invitations."""

import base64
import binascii
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Header, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from models.errors import Forbidden, InvalidClient, InvalidGrant, Unauthenticated
from models.permissions import SCOPES
from service.api.bodies import StrictRoute
from service.api.paging import Paged
from service.api.schemas import Body, Name
from service.api.security import Who
from service.commands import accounts as commands
from service.commands import members, sessions
from service.commands.sessions import ACCESS_SECONDS, Grant
from service.db.database import Database
from service.queries import accounts as queries
from service.queries import principals
from service.security import tokens
from service.security.keyring import Keyring

router = APIRouter(tags=["accounts"], route_class=StrictRoute)
Secret = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class TokenForm(BaseModel):
    """What the token endpoint is asked: by password, client credentials (an API key), or refresh token."""

    model_config = ConfigDict(extra="ignore")
    grant_type: Literal["password", "client_credentials", "refresh_token"]
    username: Annotated[str, StringConstraints(max_length=254)] = ""
    password: Annotated[str, StringConstraints(max_length=200)] = ""
    scope: Annotated[str, StringConstraints(max_length=2_000)] = ""
    client_id: Annotated[str, StringConstraints(max_length=100)] = ""
    client_secret: Annotated[str, StringConstraints(max_length=200)] = ""
    refresh_token: Annotated[str, StringConstraints(max_length=200)] = ""


class RevokeForm(BaseModel):
    """The refresh token whose session is to end (RFC 7009)."""

    model_config = ConfigDict(extra="ignore")
    token: Secret


class Acceptance(Body):
    """An invitation's token, and the name and password of a new account, or the password of the one that is there."""

    token: Secret
    name: Name
    password: Secret


class Joined(BaseModel):
    """The account, and the business that it belongs to now."""

    account_id: UUID
    business_id: UUID


class PasswordBody(Body):
    """The present password, and the one to come."""

    current: Secret
    new: Secret


@router.post("/token", operation_id="issueToken", response_model_exclude_none=True)
async def token(
    request: Request,
    response: Response,
    form: Annotated[TokenForm, Form()],
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    user_agent: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Grant:
    """Exchange a password, an API key or a refresh token for an access token that holds for ten minutes."""
    response.headers["Cache-Control"] = "no-store"
    interlock = request.app.state.interlock
    unknown = sorted(set(form.scope.split()) - SCOPES)
    if unknown:
        raise InvalidGrant(f"There is no scope {unknown[0][:64]!r}.", error="invalid_scope")
    scope = " ".join(sorted(set(form.scope.split())))
    if form.grant_type == "password":
        account_id = await commands.checked(request.app.state.limiter, form.username, form.password)
        return await sessions.grant(interlock.db, interlock.keyring, account_id, scope, user_agent)
    if form.grant_type == "refresh_token":
        return await _refreshed(interlock.db, interlock.keyring, form.refresh_token, scope)
    key = _basic(authorization) or form.client_secret
    return await _of_key(interlock.db, interlock.keyring, key, scope)


def _basic(authorization: str | None) -> str:
    # RFC 6749, section 2.3.1: the client may send its id and secret as HTTP Basic.
    if authorization is None or not authorization.lower().startswith("basic "):
        return ""
    try:
        return base64.b64decode(authorization[6:], validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidClient("The Authorization header cannot be read.", error="invalid_client") from error


async def _refreshed(db: Database, keyring: Keyring, refresh: str, scope: str) -> Grant:
    try:
        return await sessions.rotated(db, keyring, refresh, scope)
    except Unauthenticated as error:
        raise InvalidGrant(error.detail, error="invalid_grant") from error


async def _of_key(db: Database, keyring: Keyring, key: str, scope: str) -> Grant:
    try:
        principal = await principals.of_key(db, key)
    except Unauthenticated as error:
        raise InvalidClient("The client's id or secret is not right.", error="invalid_client") from error
    granted = principal.scopes or frozenset()
    if not set(scope.split()) <= granted:
        raise InvalidGrant("The key has not all of these scopes.", error="invalid_scope")
    scope = scope or " ".join(sorted(granted))
    signed = tokens.signed(keyring, tokens.API, ACCESS_SECONDS, sub=principal.actor, scope=scope)
    return Grant(signed, ACCESS_SECONDS, scope)


@router.post("/token/revoke", operation_id="revokeToken", status_code=204)
async def revoke_token(request: Request, form: Annotated[RevokeForm, Form()]) -> Response:
    """End the session of a refresh token."""
    await sessions.revoke_token(request.app.state.interlock.db, form.token)
    return Response(status_code=204)


@router.post("/invitations/accept", operation_id="acceptInvitation", status_code=201)
async def accept(request: Request, body: Acceptance) -> Joined:
    """Take an invitation up: with a new account, or with the one that its address has.

    Whoever has the token is believed to have the address: no mail is sent to prove it. Where the address has an
    account, its password is asked for; the operator of the installation can set another one.
    """
    account_id, business_id = await members.welcome(request.app.state.limiter, body.token, body.name, body.password)
    return Joined(account_id=account_id, business_id=business_id)


@router.get("/account", operation_id="readAccount")
async def read(request: Request, who: Who) -> queries.Account:
    """Who I am, and to which businesses I belong."""
    return await queries.read(request.app.state.interlock.db, _account(who.account_id))


@router.put("/account/password", operation_id="changePassword", status_code=204)
async def change_password(request: Request, who: Who, body: PasswordBody) -> Response:
    """Set another password; every other session ends."""
    db = request.app.state.interlock.db
    account = await queries.read(db, _account(who.account_id))
    await commands.checked(request.app.state.limiter, account.email, body.current)
    await commands.set_password(db, account.id, body.new, keep=who.session_id)
    return Response(status_code=204)


@router.get("/account/sessions", operation_id="listSessions")
async def list_sessions(request: Request, who: Who, pages: Paged) -> list[queries.Session]:
    """Where I am signed in."""
    db = request.app.state.interlock.db
    return pages.linked(await queries.sessions(db, _account(who.account_id), pages.page))


@router.delete("/account/sessions/{session_id}", operation_id="revokeSession", status_code=204)
async def revoke_session(request: Request, who: Who, session_id: UUID) -> Response:
    """Sign out there."""
    await sessions.revoke(request.app.state.interlock.db, _account(who.account_id), session_id)
    return Response(status_code=204)


def _account(account_id: UUID | None) -> UUID:
    if account_id is None:
        raise Forbidden("Only a person's account may do this.")
    return account_id
