"""The reference of the API, from its OpenAPI document; everything it needs is served from here."""

from fastapi import APIRouter, Request, Response

from service.web.pages import PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/docs")
async def show(request: Request) -> Response:
    """Show every operation, and let it be tried."""
    return page(request, "docs.html", {})
