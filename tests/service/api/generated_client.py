"""A client generated from the OpenAPI document: it type-checks, and books a slot at a running server (`make client`).

Its generator comes from the package index at each run, through uvx; that is why it is no part of `make test`. Where the
index cannot be reached, it fails and says so.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from service.bootstrap import server_app
from tests.service.api.aurora import Aurora, aurora, world

__all__ = ["aurora", "world"]
GENERATOR = "openapi-python-client==0.29.1"
BOOKS = """
import datetime
import sys

from interlock_client import AuthenticatedClient
from interlock_client.api.bookings import book, find_slots, hold_slot
from interlock_client.api.businesses import list_services
from interlock_client.models import Booking, BookingBody, ClientBody, Hold, HoldBody

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
services = list_services.sync("aurora", client=client)
assert isinstance(services, list), services
start = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)
slots = find_slots.sync(
    "aurora", client=client, service_id=services[0].id, from_=start, to=start + datetime.timedelta(days=1)
)
assert isinstance(slots, list), slots
wanted = HoldBody(service_id=services[0].id, staff_id=slots[0].staff_id, starts_at=slots[0].starts_at)
held = hold_slot.sync("aurora", client=client, body=wanted, idempotency_key="one")
assert isinstance(held, Hold), held
maria = ClientBody(name="Maria Costa", email="maria@example.com")
body = BookingBody(hold_id=held.id, token=held.token, client=maria)
booked = book.sync("aurora", client=client, body=body, idempotency_key="two")
assert isinstance(booked, Booking), booked
print(booked.status)
"""


def run(folder: Path, *command: str) -> str:
    """Run a command in a folder and return what it printed; fails with all of it."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_generated_client_type_checks_and_books_a_slot(aurora: Aurora, tmp_path: Path):
    (tmp_path / "openapi.json").write_text(json.dumps(server_app().openapi()))
    (tmp_path / "books.py").write_text(BOOKS)
    uvx = str(Path(sys.executable).with_name("uvx"))
    generate = ("generate", "--path", "openapi.json", "--meta", "none", "--output-path", "interlock_client")
    run(tmp_path, uvx, "--quiet", GENERATOR, *generate)
    # Its `client.py` is the generator's own, the same for every document.
    ours = ("--follow-imports=silent", "interlock_client/api", "interlock_client/models", "books.py")
    run(tmp_path, sys.executable, "-m", "mypy", *ours)
    printed = run(tmp_path, sys.executable, "books.py", aurora.address, aurora.key)
    assert printed == "confirmed\n"
