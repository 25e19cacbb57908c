"""Where an invitation leads: who was invited says who they are, and comes in."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from models.contact import ONE_LINE
from models.errors import InterlockError, InvalidInput, NotFound, Unauthenticated, Unavailable
from models.permissions import Role
from service.commands import accounts as commands
from service.commands import members, sessions
from service.db.database import Database
from service.db.limits import SIGN_IN, address_of
from service.queries import accounts, businesses
from service.queries.businesses import Business
from service.security import tokens
from service.web.details import LONGEST_NAME
from service.web.pages import PageRoute, house_page, house_words
from service.web.session import remember
from service.web.words import Words

GONE = 410
router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Guest:
    """Whom an open invitation is for, and whether they have an account already."""

    email: str
    business: Business
    is_known: bool


async def _guest(db: Database, token: str) -> Guest:
    """Return whom a token invites; raises `NotFound`, `Unauthenticated`."""
    email = await members.invited(db, token)
    business = await businesses.read(db, tokens.owner_of(token, "ili"))
    try:
        await commands.by_email(db, email)
    except NotFound:
        return Guest(email, business, is_known=False)
    return Guest(email, business, is_known=True)


@router.get("/join")
async def show(request: Request, token: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Ask for a name and a password, or the password alone of who has an account already."""
    return await _page(request, token)


@router.post("/join")
async def join(
    request: Request,
    token: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)] = "",
    name: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Take the invitation up, sign in, and go on to the business; what cannot be is said and the name kept."""
    interlock, limiter, name = request.app.state.interlock, request.app.state.limiter, name.strip()
    try:
        await limiter.take(SIGN_IN, address_of(request.scope))
        if not (await _guest(interlock.db, token)).is_known:
            _check_name(house_words(request), name)
        account_id, business_id = await members.welcome(limiter, token, name, password)
    except Unavailable:
        raise
    except InterlockError as refusal:
        return await _page(request, token, name, refusal)
    session_id = await sessions.open_session(interlock.db, account_id, "web", request.headers.get("user-agent"))
    known = await accounts.read(interlock.db, account_id)
    [place] = [place for place in known.memberships if place.business_id == business_id]
    address = f"/b/{place.slug}/me" if place.role == Role.CLIENT else f"/board/{place.slug}"
    answer = RedirectResponse(address, status_code=303)
    remember(answer, request, interlock.keyring, account_id, session_id)
    return answer


def _check_name(words: Words, name: str) -> None:
    if not name:
        raise InvalidInput(words("needs_name"))
    if len(name) > LONGEST_NAME or not re.fullmatch(ONE_LINE, name):
        raise InvalidInput(words("bad_name"))


async def _page(request: Request, token: str, name: str = "", refusal: InterlockError | None = None) -> Response:
    try:
        guest = await _guest(request.app.state.interlock.db, token)
    except (NotFound, Unauthenticated):
        return house_page(request, "invited.html", {"guest": None}, GONE)
    context = {"guest": guest, "token": token, "name": name, "refusal": refusal}
    return house_page(request, "invited.html", context, refusal.status if refusal else 200)
