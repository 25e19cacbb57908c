"""Which other sites may call a business's API from a browser."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from service.api.bodies import StrictRoute
from service.api.context import Commanding, Db, OfPath
from service.api.schemas import Body
from service.commands import origins as commands
from service.queries import businesses

router = APIRouter(tags=["businesses"], route_class=StrictRoute)
Origin = Annotated[str, StringConstraints(max_length=255, pattern=commands.FORM)]


class AllowedOrigins(Body):
    """Sites by origin (RFC 6454): scheme, host, and port where it is not the usual one."""

    origins: Annotated[list[Origin], Field(max_length=50)]


@router.get("/origins", operation_id="listOrigins")
async def read(db: Db, business: OfPath) -> AllowedOrigins:
    """The sites whose pages may call this business's API."""
    return AllowedOrigins(origins=sorted(await businesses.origins(db, business.slug)))


@router.put("/origins", operation_id="setOrigins")
async def write(scope: Commanding, body: AllowedOrigins) -> AllowedOrigins:
    """Say which sites' pages may call this business's API; they do without cookies."""
    return AllowedOrigins(origins=list(await commands.allow(scope, tuple(body.origins))))
