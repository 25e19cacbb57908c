"""A view in which a booking's own time is free and its service takes its length, to see where it could go."""

from uuid import UUID

from service.db import rescheduling
from service.db.database import Database
from service.db.own_time import as_long, without
from service.db.views import View


async def freed(db: Database, view: View, appointment_id: UUID) -> View:
    """Return the view without what an appointment itself claims, its first item as long as it is; raises `NotFound`."""
    async with db.transaction(view.business_id) as tx:
        [standing] = await rescheduling.standing(tx, [appointment_id])
    return as_long(without(view, standing.items), standing.items[0])
