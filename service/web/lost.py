"""Addresses that lead nowhere, such as a link that was cut off on its way."""

from fastapi import APIRouter, HTTPException, Request, Response

from models.errors import NotFound
from service.web.pages import PageRoute, sorry

router = APIRouter(include_in_schema=False)
below = APIRouter(route_class=PageRoute)


@below.get("/b/{slug}/{rest:path}")
@below.get("/board/{slug}/{rest:path}")
async def lost(slug: str, rest: str) -> Response:
    """Say so, with a way on; raises `NotFound`."""
    raise NotFound(f"There is no page {rest!r} of {slug!r}.")


@router.get("/{rest}")
async def nowhere(request: Request, rest: str) -> Response:
    """Say so to who reads pages; raises `HTTPException` for programs."""
    if "text/html" in request.headers.get("accept", ""):
        return sorry(request, 404, "not-found")
    raise HTTPException(404, f"There is nothing at /{rest}.")


router.include_router(below)
