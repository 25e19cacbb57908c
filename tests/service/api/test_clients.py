"""Clients over HTTP, and how little of them is in the database."""

from uuid import uuid4

import psycopg
import pytest

from models.permissions import Role
from service.security.keyring import Keyring
from service.security.vault import ERASED, Vault
from tests.service.api.conftest import BASE, refused
from tests.service.people import caller, somebody
from tests.service.worlds import ANA, CUT, MONDAY_10

MIA = {"name": "Mia Ångström", "email": "mia@example.com", "phone": "+351 21 000 00 01"}
AT_10 = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
SHOWN = {
    "listClients": "test_a_client_is_found_by_address_and_number",
    "readClient": "test_a_client_is_found_by_address_and_number",
    "exportClient": "test_everything_that_is_known_of_a_client",
    "changeClient": "test_a_client_is_changed_and_found_by_the_new_address",
    "eraseClient": "test_an_erased_client_cannot_be_read_in_an_old_copy_either",
}
pytestmark = pytest.mark.anyio


@pytest.fixture
async def mia(api) -> str:
    """A client with everything."""
    return (await api.post(f"{BASE}/clients", json=MIA)).json()["id"]


async def test_a_client_is_found_by_address_and_number(api, mia):
    other = (await api.post(f"{BASE}/clients", json={"name": "Noa", "email": "noa@example.com"})).json()["id"]
    for asked in (
        {"email": "MIA@example.com"},
        {"phone": "+351210000001"},
        {"email": MIA["email"], "phone": MIA["phone"]},
    ):
        [found] = (await api.get(f"{BASE}/clients", params=asked)).json()
        assert {name: found[name] for name in ("id", *MIA)} == {"id": mia, **MIA}
    assert (await api.get(f"{BASE}/clients", params={"email": "nobody@example.com"})).json() == []
    first = await api.get(f"{BASE}/clients", params={"limit": 1})
    second = await api.get(first.headers["link"].partition(">")[0][1:])
    assert [c["id"] for c in (*first.json(), *second.json())] == [mia, other]
    assert (await api.get(f"{BASE}/clients/{mia}")).json()["name"] == MIA["name"]


async def test_a_client_is_changed_and_found_by_the_new_address(api, mia, owner_url):
    address, new = f"{BASE}/clients/{mia}", "mia@example.org"
    read = await api.get(address)
    changed = await api.patch(address, json={"email": new, "phone": None}, headers={"If-Match": read.headers["etag"]})
    assert (changed.status_code, changed.json(), changed.headers["etag"]) == (200, {"id": mia, "version": 2}, '"2"')
    now = (await api.get(address)).json()
    assert {name: now[name] for name in MIA} == {"name": MIA["name"], "email": new, "phone": None}
    [found] = (await api.get(f"{BASE}/clients", params={"email": new})).json()
    assert found["id"] == mia
    assert (await api.get(f"{BASE}/clients", params={"email": MIA["email"]})).json() == []
    refused(await api.patch(address, json={"name": None}), 422, "invalid-input")
    assert hits(owner_url) == []


async def test_a_client_from_before_they_were_sealed_is_sealed_when_changed(api, mia, scope, owner_url):
    with psycopg.connect(owner_url) as owner:
        owner.execute("DELETE FROM client_key")
        owner.execute("UPDATE client SET name = 'Mia', email = 'mia@example.com', phone = NULL")
    scope.db.vault._keys.clear()
    assert hits(owner_url) == ["client"]
    assert (await api.patch(f"{BASE}/clients/{mia}", json={"name": MIA["name"]})).status_code == 200
    scope.db.vault._keys.clear()
    now = (await api.get(f"{BASE}/clients/{mia}")).json()
    assert (now["name"], now["email"]) == (MIA["name"], MIA["email"])
    assert hits(owner_url) == []


async def test_nothing_of_a_client_stands_in_the_database(api, mia, owner_url):
    await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": mia}, headers={"Idempotency-Key": "k"})
    await api.post(f"{BASE}/clients", json=MIA, headers={"Idempotency-Key": "c"})
    assert hits(owner_url) == []


def hits(owner_url: str) -> list[str]:
    """Return the tables of the database in whose rows something of Mia stands."""
    found = []
    with psycopg.connect(owner_url) as owner:
        for (table,) in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            with owner.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                text = b"".join(copy).decode()
            if any(part in text for part in ("ngstr", "mia@", "21 000 00 01", "210000001")):
                found.append(table)
    return found


async def test_the_search_for_plain_text_finds_it_where_it_is(api, mia, owner_url):
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE client SET email = 'mia@example.com'")
    assert hits(owner_url) == ["client"]


async def test_everything_that_is_known_of_a_client(app, scope, api, mia):
    booking = (await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": mia})).json()["id"]
    told = (await api.get(f"{BASE}/clients/{mia}/export")).json()
    assert (told["client"]["name"], told["bookings"][0]["id"]) == (MIA["name"], booking)
    assert {entry["action"] for entry in told["audit"]} == {"client.registered", "appointment.confirmed"}
    other = (await api.post(f"{BASE}/clients", json={"name": "Noa"})).json()["id"]
    async with caller(app, await somebody(scope, Role.CLIENT, client_id=other)) as noa:
        refused(await noa.get(f"{BASE}/clients/{mia}/export"), 403)
        assert (await noa.get(f"{BASE}/clients/{other}/export")).status_code == 200


async def test_an_erased_client_cannot_be_read_in_an_old_copy_either(api, scope, mia, owner_url):
    booking = (await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": mia})).json()["id"]
    with psycopg.connect(owner_url) as owner, owner.cursor().copy("COPY client TO STDOUT") as copy:
        before = b"".join(copy)
    assert (await api.post(f"{BASE}/clients/{mia}/erase")).status_code == 204
    refused(await api.get(f"{BASE}/clients/{mia}"), 404)
    refused(await api.post(f"{BASE}/clients/{mia}/erase"), 404)
    assert (await api.get(f"{BASE}/bookings/{booking}")).json()[0]["client"] == ERASED
    assert (await api.get(f"{BASE}/clients", params={"email": MIA["email"]})).json() == []
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM client")
        with owner.cursor().copy("COPY client FROM STDIN") as copy:
            copy.write(before)
    scope.db.vault._keys.clear()
    assert (await api.get(f"{BASE}/clients/{mia}")).json()["name"] == ERASED
    assert hits(owner_url) == []


async def test_where_the_key_is_kept_the_old_copy_is_read(api, scope, mia):
    scope.db.vault._keys.clear()
    assert (await api.get(f"{BASE}/clients/{mia}")).json()["name"] == MIA["name"]


def test_a_sealed_text_opens_for_its_business_and_client_alone():
    vault, business, client = Vault(Keyring.of("0123456789abcdef" * 2)), uuid4(), uuid4()
    wrapped = vault.new_key(business, client)
    sealed = vault.seal(business, client, "Mia")
    assert vault.open(business, sealed) == "Mia"
    assert vault.open(uuid4(), sealed) == vault.open(business, sealed[:-2] + "AA") == ERASED
    for plain in ("Mia", "sealed:1:", f"sealed:1:{client.hex}", ""):
        assert vault.open(business, plain) == plain
    assert vault.seal(business, client, "Mia") != sealed
    other = Vault(Keyring.of("fedcba9876543210" * 2))
    assert not other.learn(business, client, wrapped)
    assert not vault.learn(business, uuid4(), wrapped)
    assert other.hash(business, "email", "a@b") != vault.hash(business, "email", "a@b")
    assert (
        vault.hash(uuid4(), "email", "a@b")
        != vault.hash(business, "email", "a@b")
        == vault.hash(business, "email", "A@B ")
    )
