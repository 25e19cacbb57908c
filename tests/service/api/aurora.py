"""The business of the documented examples on a running server, for those who come from outside."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from models.permissions import Role
from service.api import examples
from service.commands import clients
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff
from service.db.command import Scope
from service.db.database import Database
from tests.e2e.conftest import World, world
from tests.service.people import cookie, everything
from tests.service.worlds import WEEK

__all__ = ["aurora", "world"]


@dataclass(frozen=True)
class Aurora:
    """A server with the business on it, a key of that, and the cookie of somebody who may everything."""

    world: World
    business_id: UUID
    key: str
    admin: str

    @property
    def address(self) -> str:
        """Where it is served."""
        return self.world.address


@pytest.fixture
def aurora(world: World) -> Aurora:
    """A business with one staff member, one service and one client, whose ids are those of the examples."""

    async def opened(db: Database) -> tuple[UUID, str, str]:
        scope = Scope(db, uuid4(), actor="test")
        ana = NewStaff("Ana", WEEK, UUID(examples.STAFF_ID))
        cut = NewService("Cut", 30, buffer_after=10, id=UUID(examples.SERVICE_ID))
        await open_business(scope, Opening("Aurora", examples.PARAMETERS["business"], "Europe/Lisbon", (ana,), (cut,)))
        await clients.register(scope, clients.NewClient("Maria Costa", id=UUID(examples.CLIENT_ID)))
        admin = await cookie(scope, Role.PLATFORM_ADMIN)
        return scope.business_id, await everything(scope), "; ".join(f"{name}={value}" for name, value in admin.items())

    world.app.state.hub.lasts_s = 0.05
    return Aurora(world, *world.do(opened))
