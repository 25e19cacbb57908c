"""Signing in and out with a browser, and the page that shows where one belongs."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from models.errors import InvalidGrant, TooManyRequests, Unauthenticated
from service.commands import accounts as commands
from service.commands import sessions
from service.db.limits import SIGN_IN, address_of
from service.queries import accounts as queries
from service.web.pages import PageRoute, house_page
from service.web.session import forget, local_path, remember, signed_in

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/login", response_class=HTMLResponse)
async def show(
    request: Request,
    wanted: Annotated[str, Query(alias="next", max_length=500)] = "/account",
    token: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Ask for e-mail and password; a link's token signs in at once."""
    if not token:
        return _page(request, local_path(wanted))
    interlock = request.app.state.interlock
    try:
        account_id, session_id = await sessions.follow_link(interlock.db, token)
    except Unauthenticated as error:
        return _page(request, local_path(wanted), error.detail)
    answer = RedirectResponse(local_path(wanted), status_code=303)
    remember(answer, request, interlock.keyring, account_id, session_id)
    return answer


@router.post("/login")
async def sign_in(
    request: Request,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=200)],
    wanted: Annotated[str, Form(alias="next", max_length=500)] = "/account",
) -> Response:
    """Sign in, and go on to where one wanted to be."""
    interlock = request.app.state.interlock
    try:
        await request.app.state.limiter.take(SIGN_IN, address_of(request.scope))
        account_id = await commands.checked(request.app.state.limiter, email, password)
        session_id = await sessions.open_session(interlock.db, account_id, "web", request.headers.get("user-agent"))
    except (InvalidGrant, TooManyRequests) as error:
        return _page(request, local_path(wanted), error.detail, email, error.status)
    answer = RedirectResponse(local_path(wanted), status_code=303)
    remember(answer, request, interlock.keyring, account_id, session_id)
    return answer


@router.post("/logout")
async def sign_out(request: Request) -> Response:
    """End the session, here and in the database."""
    principal = await signed_in(request)
    if principal.account_id is not None and principal.session_id is not None:
        await sessions.revoke(request.app.state.interlock.db, principal.account_id, principal.session_id)
    answer = RedirectResponse("/login", status_code=303)
    forget(answer)
    return answer


@router.get("/")
@router.get("/board")
async def home(request: Request) -> Response:
    """Go to the board of the one business where one works, else to the account."""
    principal = await signed_in(request)
    if principal.account_id is None:
        return RedirectResponse("/login", status_code=303)
    places = (await queries.read(request.app.state.interlock.db, principal.account_id)).memberships
    own = [place.slug for place in places if place.role != "client"]
    return RedirectResponse(f"/board/{own[0]}" if len(own) == 1 else "/account", status_code=303)


@router.get("/account", response_class=HTMLResponse)
async def account(request: Request) -> Response:
    """Show who is signed in, and the businesses that they belong to."""
    principal = await signed_in(request)
    if principal.account_id is None:
        return RedirectResponse("/login", status_code=303)
    known = await queries.read(request.app.state.interlock.db, principal.account_id)
    return house_page(request, "account.html", {"account": known})


def _page(request: Request, wanted: str, error: str = "", email: str = "", status: int = 200) -> Response:
    context = {"next": wanted, "error": error, "email": email}
    return house_page(request, "login.html", context, status)
