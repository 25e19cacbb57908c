"""Deletion that can be undone, the same for whatever is listed by name."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from service.api.context import Commanding, Expected, tagged
from service.commands import catalogue, changes


def deletable(router: APIRouter, path: str, table: str, noun: str) -> None:
    """Add the two routes with which rows of a table are deleted and restored; all tables have them alike."""
    address, own = f"/{path}/{{{table}_id}}", Path(alias=f"{table}_id")

    async def delete(scope: Commanding, row_id: Annotated[UUID, own], expected: Expected) -> Response:
        await changes.delete(scope, changes.Deletion(table, row_id, expected))
        return Response(status_code=204)

    async def restore(
        response: Response, scope: Commanding, row_id: Annotated[UUID, own], expected: Expected
    ) -> catalogue.Changed:
        return tagged(response, await changes.restore(scope, changes.Deletion(table, row_id, expected)))

    router.delete(
        address,
        status_code=204,
        operation_id=f"delete{noun}",
        summary=f"Delete {noun}",
        description="It is not listed or offered any more; what is booked stays. It can be restored.",
    )(delete)
    router.post(
        f"{address}/restore",
        operation_id=f"restore{noun}",
        summary=f"Restore {noun}",
        description="It is listed and offered again, as it was.",
    )(restore)
