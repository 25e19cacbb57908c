"""Who looks at a page: the account behind the session cookie, and what it may do in the page's business."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, HTTPException, Request, Response

from models.errors import Forbidden, Unauthenticated
from models.permissions import PERMISSIONS, Principal, only_own, refusal
from service.commands.sessions import WEB_DAYS
from service.db.command import Scope
from service.db.origin import Origin
from service.queries import businesses, principals
from service.queries.businesses import Business
from service.security import tokens
from service.security.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in, the business whose page they look at, and the scope of what they do there."""

    principal: Principal
    business: Business
    scope: Scope


def may(operation: str, *, own: bool = False) -> Any:  # noqa: ANN401 - FastAPI types Depends so
    """Return the dependency of a page below ``/…/{slug}``: a `Visitor` who may do an operation of the permission table.

    Who is not signed in is sent to the sign-in page and comes back; who may not is refused (403). With `own` who may do
    it to their own rows alone comes in, and the page looks whose they are.
    """
    return Depends(_visitor(operation, own=own))


def _visitor(operation: str, *, own: bool) -> Callable[..., Awaitable[Visitor]]:
    permission = PERMISSIONS[operation]

    async def visitor(request: Request, slug: str) -> Visitor:
        interlock = request.app.state.interlock
        business = await businesses.by_slug(interlock.db, slug)
        principal = await signed_in(request, business.id)
        # Pages are for all rows of a business: who may see their own alone has other pages.
        if principal.is_anonymous:
            raise HTTPException(303, headers={"Location": f"/login?next={quote(_wanted(request))}"})
        if (refused := refusal(principal, permission, business.id)) is not None:
            raise refused
        if only_own(principal, permission) and not own:
            raise Forbidden("This page is for who works here.")
        scope = Scope(interlock.db, business.id, actor=principal.actor, origin=Origin.of(request.scope))
        return Visitor(principal, business, scope)

    return visitor


async def signed_in(request: Request, business_id: UUID | None = None) -> Principal:
    """Return the principal of the session cookie, an anonymous one where there is none that is good."""
    interlock = request.app.state.interlock
    cookie = request.cookies.get(tokens.COOKIE)
    if cookie is None:
        return Principal()
    try:
        return await principals.of_cookie(interlock.db, interlock.keyring, cookie, business_id)
    except Unauthenticated:
        return Principal()


def remember(response: Response, request: Request, keyring: Keyring, account_id: UUID, session_id: UUID) -> None:
    """Give the browser its session cookie: signed, for this site's requests alone, out of scripts' reach."""
    seconds = WEB_DAYS * 86_400
    value = tokens.signed(keyring, tokens.WEB, seconds, sub=str(account_id), sid=str(session_id))
    response.set_cookie(
        tokens.COOKIE, value, seconds, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


def forget(response: Response) -> None:
    """Take the session cookie back."""
    response.delete_cookie(tokens.COOKIE, httponly=True, samesite="lax")


def local_path(wanted: str) -> str:
    """Return an address of ours to go on to, or the account's page: nobody is sent to another site."""
    is_local = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if is_local else "/account"


def _wanted(request: Request) -> str:
    # A form that was sent too late is not sent again by itself.
    if request.method != "GET":
        return "/account"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
