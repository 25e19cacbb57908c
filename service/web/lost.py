"""Addresses under a business's name that lead nowhere, such as a link that was cut off on its way."""

from fastapi import APIRouter, Response

from models.errors import NotFound
from service.web.pages import PageRoute

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/b/{slug}/{rest:path}")
async def lost(slug: str, rest: str) -> Response:
    """Say so, with a way on; raises `NotFound`."""
    raise NotFound(f"There is no page {rest!r} of {slug!r}.")
