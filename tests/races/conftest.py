"""What every race needs: its size, its seed, a crowd of connections, an eye on deadlocks."""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator

import psycopg
import pytest

from service.db import database
from service.db.database import Database

FRACTION = float(os.environ.get("INTERLOCK_FAULTS", "0"))
SEED = int(os.environ.get("INTERLOCK_SEED", random.SystemRandom().randrange(2**32)))


def sized(full: int, quick: int) -> int:
    """Return how often to try: with INTERLOCK_FAULTS=1 all of it, with 0.1 a tenth, never less than `quick`."""
    return max(round(full * FRACTION), quick)


@pytest.fixture
def database_name(own_database: str) -> str:
    """Broken variants alter the schema, and a race's leftovers are nobody else's."""
    return own_database


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """A seeded generator; its seed is printed with a failure."""
    print(f"INTERLOCK_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    return random.Random(f"{SEED}/{request.node.name}")


@pytest.fixture
def conflicts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Every error of the driver that the service met, by name: retries would hide a deadlock."""
    met: Counter[str] = Counter()
    translate = database.translate

    def noted(error: BaseException) -> object:
        if isinstance(error, psycopg.Error):
            met[type(error).__name__] += 1
        return translate(error)

    monkeypatch.setattr(database, "translate", noted)
    return met


@pytest.fixture
async def crowd(app_url: str) -> AsyncIterator[Database]:
    """A pool of 16 connections, as several API processes together have."""
    async with Database(app_url, 16) as database_:
        yield database_
