"""Small businesses for tests."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from service.commands import clients
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db.command import Scope
from service.db.database import Database

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
"""A Sunday."""
MONDAY_10 = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
"""The next day, open and bookable."""

WEEK = tuple(Span(day, opens, closes) for day in range(5) for opens, closes in ((540, 750), (810, 1050)))
"""Monday to Friday, 09:00-12:30 and 13:30-17:30."""

ANA, BEN = UUID(int=1), UUID(int=2)
CUT, COLOUR = UUID(int=11), UUID(int=12)


async def salon(db: Database, *, zone: str = "Europe/Lisbon", slug: str = "salon") -> Scope:
    """A salon with Ana and Ben; both cut (30 + 10 minutes), only Ana colours (60 minutes, a day's notice)."""
    scope = Scope(db, uuid4(), actor="test")
    opening = Opening(
        name="Salon",
        slug=slug,
        zone=zone,
        staff=(NewStaff("Ana", WEEK, ANA), NewStaff("Ben", WEEK, BEN)),
        services=(
            NewService("Cut", 30, buffer_after=10, id=CUT),
            NewService("Colour", 60, minimum_notice=1440, staff=(ANA,), id=COLOUR),
        ),
    )
    await open_business(scope, opening)
    return scope


async def client(scope: Scope, name: str = "Maria Costa") -> UUID:
    """A client of the scope's business."""
    return await clients.register(scope, clients.NewClient(name))
