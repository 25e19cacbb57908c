"""The audit: who did what, and whether the record of it is whole."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from service.api.bodies import StrictRoute
from service.api.context import Db, OfPath
from service.api.paging import Paged
from service.api.schemas import Instant
from service.queries import audit as queries

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictRoute)
Named = Annotated[str | None, Query(max_length=200, pattern=r"^[^\u0000-\u001f]+$")]


@router.get("", operation_id="listAudit")
async def entries(
    db: Db,
    business: OfPath,
    pages: Paged,
    of: UUID | None = None,
    action: Named = None,
    actor: Named = None,
    start: Annotated[Instant | None, Query(alias="from")] = None,
    end: Annotated[Instant | None, Query(alias="to")] = None,
) -> list[queries.AuditEntry]:
    """Changes, the latest first: of one thing, of an action or its first part, by an actor, within [from, to)."""
    wanted = queries.AuditFilter(of, action, actor, start, end)
    return pages.linked(await queries.entries(db, business.id, wanted, pages.page))


@router.get("/verification", operation_id="verifyAudit")
async def verification(
    db: Db, business: OfPath, head: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}:[0-9a-f]{64}$")] = None
) -> queries.Verdict:
    """Whether each link of the chain holds, to its end, and through a head noted earlier."""
    return await queries.verify(db, business.id, head)
