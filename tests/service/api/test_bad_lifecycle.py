"""Bad input to every command of a booking's life: a 4xx problem document, and not a byte of the book changed."""

from uuid import UUID

import psycopg
import pytest

from tests.service.api.conftest import BASE, refused
from tests.service.api.test_bad_input import TIMES
from tests.service.worlds import ANA, BEN, CUT, MONDAY_10

pytestmark = pytest.mark.anyio

BOOK = ("appointment", "appointment_item", "claim", "client", "group_session", "offer", "series", "waitlist_entry")
LEFT = ("outbox_event", "audit_entry", "idempotency_key", "change_log", "staff_day", "lane")
DAY = str(MONDAY_10.date())
AT = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
FREE = {**AT, "staff_id": str(BEN), "starts_at": f"{DAY}T15:00:00Z"}
NOBODY = str(UUID(int=99))
NUMBERS = [True, "1", 0, -1, 1.5, 2**63, None, [1]]


PLAIN = ("cancel", "approve", "deposit", "deposit/waive", "decline", "check-in", "complete", "no-show")


def digests(owner_url: str) -> dict[str, tuple[int, str]]:
    """Count and hash the rows of every table that these commands write to."""
    with psycopg.connect(owner_url) as connection:
        return {
            table: connection.execute(
                f"SELECT count(*), md5(coalesce(string_agg(t::text, '/' ORDER BY t::text), '')) FROM {table} t"
            ).fetchone()
            for table in (*BOOK, *LEFT)
        }


async def filled(api, client_id: str) -> dict[str, str]:
    """Make a confirmed booking, a hold and a series, and return their ids."""
    booked = (await api.post(f"{BASE}/bookings", json={**AT, "client_id": client_id})).json()["id"]
    later = {**AT, "starts_at": f"{DAY}T11:00:00Z"}
    hold = (await api.post(f"{BASE}/holds", json=later)).json()
    wish = {**AT, "starts_at": f"{DAY}T14:00:00Z", "client_id": client_id, "rule": "FREQ=WEEKLY;COUNT=2"}
    made = (await api.post(f"{BASE}/series", json=wish)).json()
    return {
        "client": client_id,
        "booked": booked,
        "hold": hold["id"],
        "token": hold["token"],
        "series": made["occurrences"][0]["appointment_id"],
    }


@pytest.fixture
async def book(api, client_id, owner_url):
    """What `filled` makes, and proof at the end that nothing touched it."""
    made = await filled(api, client_id)
    before = digests(owner_url)
    yield made
    assert digests(owner_url) == before


async def test_times(api, book):
    for bad in TIMES:
        moved = {"starts_at": bad}
        # Null in place of a time says that it stays; then there is nothing to do.
        refused(await api.post(f"{BASE}/bookings/{book['booked']}/reschedule", json=moved))
        refused(await api.post(f"{BASE}/bookings/{book['series']}/series/reschedule", json=moved))
        wanted = {**FREE, "client_id": book["client"]}
        refused(await api.post(f"{BASE}/series", json={**wanted, "rule": "FREQ=WEEKLY;COUNT=2", "starts_at": bad}))
        refused(await api.post(f"{BASE}/holds", json={**FREE, "more": [{**FREE, "starts_at": bad}]}))
        refused(await api.post(f"{BASE}/bookings", json={**wanted, "more": [{**FREE, "starts_at": bad}]}))


async def test_numbers(api, book):
    for bad in NUMBERS:
        refused(await api.post(f"{BASE}/holds", json={**FREE, "seats": bad}))
        refused(await api.post(f"{BASE}/bookings", json={**FREE, "client_id": book["client"], "seats": bad}))
        refused(await api.post(f"{BASE}/holds", json={**FREE, "more": [{**AT, "seats": bad}]}))
        token = {"Hold-Token": book["token"]}
        refused(await api.post(f"{BASE}/holds/{book['hold']}/extend", json={"minutes": bad}, headers=token))
        if bad is not None:
            swap = {"booking_id": book["series"], "version": bad}
            refused(await api.post(f"{BASE}/bookings/{book['booked']}/swap", json=swap))


async def test_versions(api, book):
    for version in ['"x"', "-1", "1.5", '"' + "9" * 5000 + '"', "\u0661".encode(), "W/3"]:
        for step in (*PLAIN, "reschedule", "series/cancel"):
            body = {"json": {"starts_at": FREE["starts_at"]} if step == "reschedule" else {}}
            sent = body if step in ("cancel", "reschedule", "series/cancel") else {}
            address = f"{BASE}/bookings/{book['booked']}/{step}"
            refused(await api.post(address, headers={"If-Match": version}, **sent), 422)


async def test_a_stale_version_is_412(api, book):
    for step in PLAIN:
        body = {"json": {}} if step == "cancel" else {}
        answer = await api.post(f"{BASE}/bookings/{book['booked']}/{step}", headers={"If-Match": '"9"'}, **body)
        refused(answer, 412, "stale-version")


STATES = [
    ("approve", {}, 409, "not-allowed"),
    ("decline", {}, 409, "not-allowed"),
    ("deposit", {}, 409, "not-allowed"),
    ("deposit/waive", {}, 409, "not-allowed"),
    ("complete", {}, 409, "not-allowed"),
    ("no-show", {}, 409, "not-allowed"),
    ("reschedule", {"json": {"starts_at": "2026-02-27T10:00:00Z"}}, 422, "past"),
    ("reschedule", {"json": {"starts_at": f"{DAY}T12:45:00Z"}}, 422, "closed"),
    ("reschedule", {"json": {"starts_at": f"{DAY}T10:05:00Z"}}, 422, "outside-policy"),
    ("reschedule", {"json": {"starts_at": f"{DAY}T11:00:00Z"}}, 409, "slot-taken"),
    ("reschedule", {"json": {"staff_id": NOBODY}}, 404, "not-found"),
    ("reschedule", {"json": {}}, 422, "invalid-input"),
    ("swap", {"json": {"booking_id": NOBODY}}, 404, "not-found"),
    ("swap", {"json": {}}, 422, "invalid-input"),
    ("series/reschedule", {"json": {"starts_at": f"{DAY}T15:00:00Z"}}, 409, "not-allowed"),
    ("series/cancel", {"json": {}}, 409, "not-allowed"),
    ("series/cancel", {"json": {"extent": "some"}}, 422, "invalid-input"),
]


async def test_what_a_booking_in_its_state_does_not_allow(api, book):
    for step, request_, status, code in STATES:
        refused(await api.post(f"{BASE}/bookings/{book['booked']}/{step}", **request_), status, code)


async def test_a_booking_does_not_change_places_with_itself_or_a_hold(api, book):
    address = f"{BASE}/bookings/{book['booked']}/swap"
    refused(await api.post(address, json={"booking_id": book["booked"]}), 422, "invalid-input")
    refused(await api.post(address, json={"booking_id": book["hold"]}), 409, "not-allowed")


async def test_anothers_hold(api, book):
    guess = {"Hold-Token": "guess"}
    refused(await api.post(f"{BASE}/holds/{book['hold']}/extend", json={}, headers=guess), 409, "hold-expired")
    refused(await api.post(f"{BASE}/holds/{book['hold']}/extend", json={}), 422, "invalid-input")
    confirm = {"hold_id": book["hold"], "token": "guess", "client": {"name": "Eve"}}
    refused(await api.post(f"{BASE}/bookings", json=confirm), 409, "hold-expired")
    both = {"hold_id": book["hold"], "token": book["token"], "client": {"name": "E"}, "client_id": book["client"]}
    refused(await api.post(f"{BASE}/bookings", json=both), 422, "invalid-input")


async def test_too_much_and_too_little(api, book):
    many = [{**FREE, "starts_at": f"{DAY}T{hour:02}:00:00Z"} for hour in range(24)] * 500
    refused(await api.post(f"{BASE}/holds", json={**FREE, "more": many}))
    refused(await api.post(f"{BASE}/holds", json={**FREE, "more": [FREE]}), 422, "invalid-input")
    refused(await api.post(f"{BASE}/holds", json={**FREE, "seats": 2}), 422, "outside-policy")
    refused(await api.post(f"{BASE}/holds", json={**FREE, "client_key": ""}), 422, "invalid-input")
    refused(await api.post(f"{BASE}/holds", json={**FREE, "client_key": "x" * 201}), 422, "invalid-input")
    refused(await api.post(f"{BASE}/holds", json={**FREE, "client_key": "a\u0000b"}), 422, "invalid-input")


async def test_unknown_members(api, book):
    bodies = [
        (f"bookings/{book['booked']}/reschedule", {"starts_at": FREE["starts_at"]}),
        (f"bookings/{book['booked']}/swap", {"booking_id": book["series"]}),
        (f"bookings/{book['series']}/series/reschedule", {"starts_at": FREE["starts_at"]}),
        (f"bookings/{book['series']}/series/cancel", {}),
        ("series", {**FREE, "client_id": book["client"], "rule": "FREQ=WEEKLY;COUNT=2"}),
        ("holds", {**FREE, "more": []}),
    ]
    for path, body in bodies:
        for name in ("business_id", "role", "by", "status", "fee_cents", "__proto__"):
            refused(await api.post(f"{BASE}/{path}", json={**body, name: NOBODY}), 422, "invalid-input")
    inner = {**FREE, "more": [{**AT, "by": "manager"}]}
    refused(await api.post(f"{BASE}/holds", json=inner), 422, "invalid-input")


async def test_what_is_not_there(api, book):
    for step in PLAIN[1:]:
        refused(await api.post(f"{BASE}/bookings/{NOBODY}/{step}"), 404, "not-found")
        refused(await api.post(f"{BASE}/bookings/x/{step}"), 422, "invalid-input")
    for path in ("offers/{}/accept", "offers/{}/decline"):
        refused(await api.post(f"{BASE}/{path.format(NOBODY)}"), 404, "not-found")
        refused(await api.post(f"{BASE}/{path.format('x')}"), 422, "invalid-input")
    refused(await api.get(f"{BASE}/series/{NOBODY}"), 404, "not-found")
    refused(await api.get(f"{BASE}/clients/{NOBODY}/bookings"), 404, "not-found")
