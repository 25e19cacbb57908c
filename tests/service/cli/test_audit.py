"""`interlock audit` as it is typed."""

import json

import psycopg
import pytest

from service.db import audit
from tests.service.cli.test_commands import interlock

__all__ = ["interlock"]
pytestmark = pytest.mark.anyio


async def sealed(db, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        [business] = owner.execute("SELECT id FROM business").fetchone()
    await db.transact(business, audit.seal)


async def test_list_and_verify(interlock, db, owner_url):
    assert "1 to be sealed" in interlock("audit", "verify").stdout
    await sealed(db, owner_url)
    verified = interlock("audit", "verify")
    assert (verified.returncode, verified.stdout.startswith("salon: whole; 1 sealed, 0 to be sealed")) == (0, True)
    head = verified.stdout.split()[-1]
    assert interlock("audit", "verify", "-b", "salon", "--head", head).returncode == 0
    [entry] = json.loads(interlock("audit", "list", "--action", "business", "--json").stdout)
    assert (entry["action"], entry["position"]) == ("business.opened", 1)
    assert "business.opened" in interlock("audit", "list").stdout


async def test_a_broken_chain_ends_with_1(interlock, db, owner_url):
    await sealed(db, owner_url)
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM audit_entry")
    broken = interlock("audit", "verify", "--json")
    assert broken.returncode == 1
    assert "no entry at all" in json.loads(broken.stdout)["salon"]["broken"]
