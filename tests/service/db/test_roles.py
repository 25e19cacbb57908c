"""A PostgreSQL of one's own, as docs/operations.md sets it up: an owner who is no superuser, and a role to serve."""

import re
import uuid
from pathlib import Path

import psycopg
import pytest

from service.db import backup
from service.db.database import Database
from service.db.migrate import upgrade
from service.db.views import Views
from service.queries import businesses
from tests.service.worlds import NOW, salon

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
pytestmark = pytest.mark.anyio


@pytest.fixture
def urls(server):
    """Do what the page says, in a database of its own; yield the owner's and the service's URL."""
    name = f"t{uuid.uuid4().hex}"
    said = re.search(r"\n    (CREATE ROLE interlock_owner.*?\n\n)", PAGE.read_text(), re.DOTALL)[1]
    commands = [line.strip() for line in said.splitlines() if line.strip() and not line.strip().startswith("--")]
    named = [c.replace("interlock_owner", f"{name}o").replace("interlock_service", f"{name}s") for c in commands]
    named = [c.replace("DATABASE interlock ", f"DATABASE {name} ").replace("…", "secret") for c in named]
    another = named[-2].replace(f"DATABASE {name} ", f"DATABASE {name}r ")
    plain = server.owner_url(name).split("@")[1]
    owner, service = (f"postgresql://{name}{who}:secret@{plain}" for who in "os")
    with psycopg.connect(server.owner_url("postgres"), autocommit=True) as admin:
        try:
            for command in (*named[:-1], another):
                admin.execute(command)
            upgrade(owner)
            admin.execute(named[-1])
            yield owner, service
        finally:
            for database in (name, f"{name}r"):
                admin.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            for role in (f"{name}s", f"{name}o"):
                admin.execute(f"DROP OWNED BY {role}")
                admin.execute(f"DROP ROLE IF EXISTS {role}")


async def test_it_migrates_serves_keeps_businesses_apart_and_is_backed_up(urls, tmp_path):
    owner, service = urls
    async with Database(service) as db:
        scope = await salon(db)
        assert (await businesses.by_slug(db, "salon")).id == scope.business_id
        assert (await Views(db).current(scope.business_id, NOW)).snapshot.staff
        assert [row["slug"] for row in await db.anywhere("SELECT slug FROM every_business()")] == ["salon"]
        assert await db.anywhere("SELECT work FROM due_businesses()")
        assert await db.anywhere("SELECT id FROM staff") == []
    with psycopg.connect(service) as serving, pytest.raises(psycopg.errors.InsufficientPrivilege):
        serving.execute("DROP TABLE claim")
    copied = backup.backup(owner, tmp_path / "b.zip")
    upgrade(f"{owner}r")
    assert backup.restore(f"{owner}r", tmp_path / "b.zip") == copied.rows
