"""What clients and those around them do in a browser's tests, step by step."""

import pytest
from playwright.sync_api import FrameLocator, Locator, Page

from service.commands import bookings
from service.db.views import Views
from tests.service.worlds import ANA, BEN, CUT, NOW, client

BOOK = "/b/salon?service=00000000-0000-0000-0000-00000000000b"


def booked(world, salon_id) -> list[tuple]:
    """Return who is booked when."""

    async def read(db):
        async with db.transaction(salon_id) as tx:
            return await tx.rows(
                "SELECT a.status, c.name, c.email, i.starts_at FROM appointment a "
                "JOIN appointment_item i ON i.appointment_id = a.id LEFT JOIN client c ON c.id = a.client_id "
                "WHERE a.status = 'confirmed' ORDER BY i.starts_at"
            )

    return [tuple(row.values()) for row in world.do(read)]


def somebody_books(world, salon_id, start, staff=(ANA, BEN)) -> None:
    """Book a start with each of the staff, as somebody faster."""

    async def take(db):
        scope = world.scope_of(db, salon_id)
        for member in staff:
            view = await Views(db).current(salon_id, NOW)
            request = bookings.BookRequest(CUT, member, start, await client(scope, "Fast Fred"))
            await bookings.book(scope, request, view=view, now=NOW)

    world.do(take)


def expire_holds(world, salon_id) -> None:
    """Let every hold run out, as ten minutes would."""

    async def expire(db):
        async with db.transaction(salon_id) as tx:
            for table in ("appointment", "claim"):
                await tx.execute(
                    f"UPDATE {table} SET expires_at = clock_timestamp() - interval '1 second' "
                    "WHERE expires_at IS NOT NULL"
                )

    world.do(expire)


def fill(page: Page | FrameLocator, name: str = "Maria Costa", email: str = "maria@example.org") -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail").fill(email)


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("e => e === document.activeElement"):
            return
    pytest.fail(f"{wanted} is not reached with the Tab key")
