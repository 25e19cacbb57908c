"""Freed time is offered to who waits for it: a consumer of events, so that none is lost whatever crashes."""

from datetime import datetime
from uuid import UUID

from service.commands import offers
from service.commands.offers import Freed
from service.db.command import Scope
from service.jobs.events import Consumer, Event
from service.jobs.queue import Installation

FREEING = ("cancelled", "declined", "expired", "released", "no_show")
ITEMS = """
SELECT staff_id, starts_at, ends_at FROM appointment_item
WHERE business_id = %s AND appointment_id = %s ORDER BY position
"""


async def hear(installation: Installation, event: Event) -> None:
    """Close the offer that has ended with its hold, and offer the time that an appointment has given back."""
    scope = Scope(installation.db, event.business_id, actor="system", origin=event.origin)
    if event.topic in ("appointment.expired", "appointment.released"):
        await offers.close(scope, event.aggregate_id)
    for freed in await _freed(installation, event):
        now = installation.clock()
        if freed.ends_at > now:
            view = await installation.views.current(event.business_id, now)
            await offers.pass_on(scope, freed, view=view, now=now)


async def _freed(installation: Installation, event: Event) -> list[Freed]:
    before = event.payload.get("before")
    if isinstance(before, dict):
        items = [item for item in before.get("items", ()) if isinstance(item, dict)]
        return [Freed(UUID(i["staff_id"]), _time(i["starts_at"]), _time(i["ends_at"])) for i in items]
    async with installation.db.transaction(event.business_id) as tx:
        rows = await tx.rows(ITEMS, [event.business_id, event.aggregate_id])
    return [Freed(row["staff_id"], row["starts_at"], row["ends_at"]) for row in rows]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


OFFERS = Consumer(
    frozenset({*(f"appointment.{state}" for state in FREEING), "appointment.rescheduled"}),
    hear,
)
"""Hears of every time that becomes free."""
