"""Which other sites may call a business's API from a browser."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, Expected, OfPath, tagged, tagged_beside
from service.api.schemas import Body
from service.commands import origins as commands
from service.queries import own_settings

router = APIRouter(tags=["businesses"], route_class=StrictRoute)
Origin = Annotated[str, StringConstraints(max_length=255, pattern=commands.FORM)]


class AllowedOrigins(Body):
    """Sites by origin (RFC 6454): scheme, host, and port where it is not the usual one."""

    origins: Annotated[list[Origin], Field(max_length=50)]


@router.get("/origins", operation_id="listOrigins")
async def read(db: Db, response: Response, business: OfPath) -> AllowedOrigins:
    """The sites whose pages may call this business's API; the version is the business's."""
    own = tagged(response, await own_settings.read(db, business.id))
    return AllowedOrigins(origins=sorted(own.settings.get("origins", ())))


@router.put("/origins", operation_id="setOrigins")
async def write(response: Response, scope: Commanding, expected: Expected, body: AllowedOrigins) -> AllowedOrigins:
    """Say which sites' pages may call this business's API; they do without cookies."""
    allowed = tagged_beside(response, await commands.allow(scope, tuple(body.origins), version=expected))
    return AllowedOrigins(origins=list(allowed))
