"""Settings of what is sold: a service with its rules and limits, and what the optimiser may do with bookings."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from models.errors import InterlockError, InvalidInput, NotFound, Unavailable
from models.optimisation import Rules
from models.week import week_of, written
from service.commands import allowances, changes
from service.commands.catalogue import Requirement, Window
from service.commands.changes import Change
from service.queries import catalogue as queries
from service.queries import movable
from service.web.house import House, house
from service.web.pages import PageRoute

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PRICE = re.compile(r"(\d{1,7})(?:[.,](\d{1,2}))?", re.ASCII)
NEED = re.compile(r"(.{1,200}?)(?: (\d{1,4})-(\d{1,4}))?", re.ASCII)
NUMBERS = (
    "duration",
    "buffer_before",
    "buffer_after",
    "slot_interval",
    "minimum_notice",
    "maximum_advance",
    "seats",
    "last_cancellation",
)
"""Rules of a service that are whole numbers of minutes, days or seats."""
LIMITS = ("free_cancellation", "daily_limit", "weekly_limit", "client_daily_limit", "client_weekly_limit")
"""The same, where nothing typed means no limit."""
NO_NUMBER = "A number is written in digits."


async def _typed(request: Request) -> dict[str, str]:
    async with request.form(max_fields=60) as form:
        return {name: str(value) for name, value in form.items()}


@router.get("/board/{slug}/settings/services/{service_id}")
async def service(here: Annotated[House, house("readService")], service_id: UUID) -> Response:
    """One service with its rules."""
    return await _service(here, service_id)


async def _service(here: House, service_id: UUID, problem: str | None = None) -> Response:
    details = await queries.service(here.db, here.business.id, service_id)
    rooms = await queries.resources(here.db, here.business.id)
    return here.page(
        "service.html",
        409 if problem else 200,
        service=details,
        windows="\n".join(written((w.weekday, w.opens, w.closes) for w in details.windows)),
        needs="\n".join(_need(r.kind, r.after, r.length) for r in details.requirements),
        kinds=sorted({room.kind for room in rooms if room.active}),
        problem=problem,
        said=here.request.query_params.get("said"),
    )


def _need(kind: str, after: int, length: int | None) -> str:
    return kind if length is None and not after else f"{kind} {after}-{after + (length or 1440 - after)}"


@router.post("/board/{slug}/settings/services/{service_id}")
async def change_service(
    here: Annotated[House, house("changeService")], service_id: UUID, request: Request
) -> Response:
    """Change a service's rules."""
    typed = await _typed(request)
    try:
        await changes.change_service(here.scope, Change(service_id, _rules(typed), int(typed.get("version", "x"))))
    except (NotFound, Unavailable):
        raise
    except (InterlockError, ValueError) as refusal:
        return await _service(here, service_id, getattr(refusal, "detail", NO_NUMBER))
    return RedirectResponse(here.url(f"/settings/services/{service_id}", said="saved"), status_code=303)


def _rules(typed: dict[str, str]) -> dict[str, Any]:
    rules: dict[str, Any] = {
        **{name: int(typed[name]) for name in NUMBERS if name in typed},
        **{name: _optional(typed[name]) for name in LIMITS if name in typed},
        "name": typed.get("name", "").strip(),
        "price_cents": cents(typed.get("price", "0")),
        "cancellation_fee_cents": cents(typed.get("fee", "0")),
        "needs_approval": "needs_approval" in typed,
        "active": "active" in typed,
    }
    if "windows" in typed:
        rules["windows"] = tuple(Window(*span) for span in week_of(_lines(typed["windows"])))
    if "needs" in typed:
        rules["requirements"] = tuple(_requirement(line) for line in _lines(typed["needs"]))
    return rules


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _optional(text: str) -> int | None:
    return int(text) if text.strip() else None


def _requirement(line: str) -> Requirement:
    match = NEED.fullmatch(line)
    if match is None or (match[2] and int(match[3]) <= int(match[2])):
        raise InvalidInput('What a visit needs is written like "room", or "laser 10-25" for a part of it.')
    if match[2] is None:
        return Requirement(match[1])
    return Requirement(match[1], int(match[2]), int(match[3]) - int(match[2]))


def cents(text: str) -> int:
    """Return a price that was typed, in cents; raises `InvalidInput`."""
    match = PRICE.fullmatch(text.strip() or "0")
    if match is None:
        raise InvalidInput("A price is written like 24.50.")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


@router.get("/board/{slug}/settings/optimiser")
async def rules(here: Annotated[House, house("readRules")]) -> Response:
    """What the optimiser may do where neither a client nor a manager says otherwise."""
    return await _optimiser(here)


async def _optimiser(here: House, problem: str | None = None) -> Response:
    said = here.request.query_params.get("said")
    present = await movable.rules(here.db, here.business.id)
    return here.page("optimiser.html", 409 if problem else 200, rules=present, problem=problem, said=said)


@router.post("/board/{slug}/settings/optimiser")
async def set_rules(here: Annotated[House, house("setRules")], request: Request) -> Response:
    """Set what the optimiser may do."""
    typed = await _typed(request)
    numbers = ("minutes", "frozen_hours", "reseat_days", "seconds")
    try:
        values: dict[str, Any] = {name: int(typed[name]) for name in numbers if name in typed}
        values["staff"] = typed.get("staff", "same")
        values |= {name: _optional(typed.get(name, "")) for name in ("moves_a_client", "moves_a_day")}
        await allowances.set_rules(here.scope, Rules(**values))
    except (NotFound, Unavailable):
        raise
    except (InterlockError, ValueError) as refusal:
        return await _optimiser(here, getattr(refusal, "detail", NO_NUMBER))
    return RedirectResponse(here.url("/settings/optimiser", said="saved"), status_code=303)
