"""Bad input over HTTP: a problem document with a 4xx status, nothing written, never a 5xx."""

import gzip
from uuid import uuid4

import pytest

from tests.service.api.conftest import BASE, refused
from tests.service.worlds import ANA, CUT

TIMES = [
    1, "1", True, None, 1.5, "infinity", "",
    "2026-03-02T10:00:00",
    "2026-03-02T10:00:00+99:00",
    "2026-02-30T10:00:00Z",
    "2026-03-02T10:00:60Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
]  # fmt: skip
DATES = [
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "10000-01-01",
    "1",
    "today",
    "infinity",
]
BODIES = [
    b'{"name":"\\u0000"}',
    b'{"name":"\\ud800"}',
    b'{"name":"' + b"x" * 1_000_000 + b'"}',
    b'{"name":"' + b"x" * 1_000 + b'"}',
    b"[" * 100_000,
    b'{"name":NaN}',
    b'{"name":"Mia","name":"Noa"}',
    b'{"name":"Mia","\\ud800":1}',
    b'{"name":"Mia","email":1e400}',
    b'{"name":' + b"[" * 21 + b"]" * 21 + b"}",
    gzip.compress(b'{"name":"' + b"x" * 10_000_000 + b'"}', mtime=0),
    b'{"name":' + b"1" * 5_000 + b"}",
    b"\xff\xfe",
    b"",
    b"null",
    b'{"name":"Mia","role":"admin"}',
    b'{"name":"Mia","business_id":"00000000-0000-0000-0000-000000000001"}',
    b'{"name":"   "}',
    b'{"name":"Mia","id":"00000000-0000-0000-0000-000000000001"}',
    '{"name":"Mia \u202egpj.exe"}'.encode(),
    '{"name":"Mia \u2066"}'.encode(),
    b'{"name":"Mia\\nBcc: all"}',
    b'{"name":"Mia","email":"nobody"}',
    b'{"name":"Mia","email":"a@b\\r\\nBcc: c@d"}',
    '{"name":"Mia","email":"mia@ex\u0430mple.com"}'.encode(),
    '{"name":"Mia","email":"zoe\u0308@example.com"}'.encode(),
    b'{"name":"Mia","phone":"=1+1"}',
]
pytestmark = pytest.mark.anyio


async def test_times(api, client_id, nothing_written):
    for bad in TIMES:
        slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": bad}
        refused(await api.post(f"{BASE}/holds", json=slot))
        refused(await api.post(f"{BASE}/bookings", json={**slot, "client_id": client_id}))
        for window in ({"start": bad, "end": "2026-03-09T00:00:00Z"}, {"start": "2026-03-01T00:00:00Z", "end": bad}):
            wish = {"client_id": client_id, "service_id": str(CUT), "windows": [window]}
            refused(await api.post(f"{BASE}/waitlist", json=wish))
        for page in ("slots", "slots/why-not", "bookings"):
            query = {"service_id": str(CUT), "from": str(bad), "to": "2026-03-09T00:00:00Z"}
            refused(await api.get(f"{BASE}/{page}", params=query))


async def test_dates(api, nothing_written):
    for bad in DATES:
        days = {"first_day": bad, "last_day": bad}
        refused(await api.get(f"{BASE}/slots/days", params={"service_id": str(CUT), **days}))
        refused(await api.post(f"{BASE}/optimisation-runs", json=days))
        refused(await api.put(f"{BASE}/staff/{ANA}/days/{bad}", json={"spans": [{"opens": 0, "closes": 60}]}))
        assert (await api.get("/board/salon", params={"day": bad})).status_code == 422


async def test_dates_in_a_body_are_text(api, nothing_written):
    for bad in [864_000_000, "864000000", "2026-03-02T00:00:00", True, None, ""]:
        refused(await api.post(f"{BASE}/optimisation-runs", json={"first_day": bad, "last_day": "2026-03-02"}))
        refused(await api.put(f"{BASE}/staff/{ANA}/days/{bad}", json={"spans": []}))


async def test_ranges(api, nothing_written):
    for start, end in [
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("2026-03-03T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("2026-03-02T10:00:00Z", "2036-03-02T10:00:00Z"),
    ]:
        for page in ("slots", "bookings"):
            refused(await api.get(f"{BASE}/{page}", params={"service_id": str(CUT), "from": start, "to": end}))


async def test_zones(api, nothing_written):
    for zone in [
        "../../etc/passwd",
        "ABC+99",
        "Mars/Olympus",
        "\x00",
        "a" * 5_000,
        "/etc/localtime",
        "posixrules",
        "Europe",
        "EST5EDT",
        "localtime",
    ]:
        days = {"first_day": "2026-03-02", "last_day": "2026-03-02", "zone": zone}
        refused(await api.get(f"{BASE}/slots/days", params={"service_id": str(CUT), **days}))


async def test_numbers(api, nothing_written):
    for minutes in [True, "1_000", 2**63, -1, 0, 61, 1.5, None]:
        slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": "2026-03-02T11:00:00Z"}
        refused(await api.post(f"{BASE}/holds", json={**slot, "minutes": minutes}))


async def test_bodies(api, nothing_written):
    for body in BODIES:
        refused(await api.post(f"{BASE}/clients", content=body, headers={"content-type": "application/json"}))


NUMBERS = ["true", '"1"', '"1_000"', "9223372036854775808", "-1", "0", "1.5", "NaN", "1e400", "9" * 5_000, "[1]", "{}"]


async def test_numbers_as_they_stand_in_a_body(api, client_id, nothing_written):
    """Each number of each body, as text, for the driver's side would not send some of them."""
    for number in NUMBERS:
        slot = f'"service_id":"{CUT}","staff_id":"{ANA}","starts_at":"2026-03-02T11:00:00Z"'
        window = '"windows":[{"start":"2026-03-02T09:00:00Z","end":"2026-03-02T12:00:00Z"}]'
        days = '"first_day":"2026-03-02","last_day":"2026-03-02"'
        bodies = [
            ("POST", "holds", f'{{{slot},"minutes":{number}}}'),
            ("POST", "waitlist", f'{{"client_id":"{client_id}","service_id":"{CUT}",{window},"priority":{number}}}'),
            ("PUT", f"staff/{ANA}/days/2026-03-02", f'{{"spans":[{{"opens":540,"closes":{number}}}]}}'),
            ("PUT", f"staff/{ANA}/days/2026-03-02", f'{{"spans":{number}}}'),
            ("POST", "optimisation-runs", f'{{"first_day":{number},"last_day":"2026-03-02"}}'),
        ]
        if number != "0":
            bodies.append(("POST", "optimisation-runs", f'{{{days},"seed":{number}}}'))
            bodies.append(("PUT", f"staff/{ANA}/days/2026-03-02", f'{{"spans":[{{"opens":{number},"closes":600}}]}}'))
        for method, path, body in bodies:
            json = {"content-type": "application/json"}
            refused(await api.request(method, f"{BASE}/{path}", content=body, headers=json))


async def test_limits(api, nothing_written):
    for limit in ["true", "1_000", "-1", "0", "1001", "1.0", "NaN", "1e2", "9" * 5_000, "\u0661", ""]:
        asked = {"service_id": str(CUT), "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z", "limit": limit}
        refused(await api.get(f"{BASE}/slots", params=asked))


async def test_reasons(api, nothing_written):
    for bad in ["x\x00", "x\u202ey", "x\x1b[2J", "x" * 501, 1, ["x"]]:
        refused(await api.post(f"{BASE}/bookings/{uuid4()}/cancel", json={"reason": bad}), 422, "invalid-input")


async def test_unknown_members_are_refused_everywhere(api, client_id, nothing_written):
    window = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T12:00:00Z"}
    slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": "2026-03-02T11:00:00Z"}
    days = {"first_day": "2026-03-02", "last_day": "2026-03-02"}
    wish = {"client_id": client_id, "service_id": str(CUT), "windows": [window]}
    some = str(uuid4())
    bodies = [
        ("POST", "clients", {"name": "Mia"}),
        ("POST", "holds", slot),
        ("POST", "bookings", {**slot, "client_id": client_id}),
        ("POST", f"bookings/{some}/cancel", {}),
        ("POST", "waitlist", wish),
        ("PUT", f"staff/{ANA}/days/2026-03-02", {"spans": []}),
        ("POST", "optimisation-runs", days),
        ("POST", f"optimisation-runs/{some}/apply", {}),
    ]
    for method, path, body in bodies:
        for name in ("business_id", "role", "status", "version", "__proto__"):
            refused(await api.request(method, f"{BASE}/{path}", json={**body, name: some}), 422, "invalid-input")
    inner = {**wish, "windows": [{**window, "zone": "UTC"}]}
    refused(await api.post(f"{BASE}/waitlist", json=inner), 422, "invalid-input")
    spans = {"spans": [{"opens": 540, "closes": 600, "staff_id": some}]}
    refused(await api.put(f"{BASE}/staff/{ANA}/days/2026-03-02", json=spans), 422, "invalid-input")


async def test_a_missing_bound(api, client_id, nothing_written):
    for missing in ["from", "to", "service_id"]:
        asked = {"service_id": str(CUT), "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}
        del asked[missing]
        for page in ("slots", "slots/why-not"):
            refused(await api.get(f"{BASE}/{page}", params=asked), 422, "invalid-input")
        window = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T12:00:00Z"}
        window.pop({"from": "start", "to": "end"}.get(missing), None)
        wish = {"client_id": client_id, "service_id": str(CUT), "windows": [window] if len(window) == 1 else []}
        refused(await api.post(f"{BASE}/waitlist", json=wish), 422, "invalid-input")


async def test_windows_that_end_as_they_start_or_before(api, client_id, nothing_written):
    for end in ("2026-03-02T09:00:00Z", "2026-03-02T08:00:00Z", "2026-03-02T09:30:00+01:00"):
        wish = {
            "client_id": client_id,
            "service_id": str(CUT),
            "windows": [{"start": "2026-03-02T09:00:00Z", "end": end}],
        }
        refused(await api.post(f"{BASE}/waitlist", json=wish), 422, "invalid-input")


async def test_too_much_of_everything(api, client_id, nothing_written):
    window = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T12:00:00Z"}
    wish = {"client_id": client_id, "service_id": str(CUT)}
    refused(await api.post(f"{BASE}/waitlist", json={**wish, "windows": [window] * 63}), 422)
    many = [str(uuid4())] * 101
    refused(await api.post(f"{BASE}/waitlist", json={**wish, "windows": [window], "staff_ids": many}), 422)
    refused(
        await api.post(f"{BASE}/optimisation-runs/{uuid4()}/apply", json={"moves": many * 100}), 413, "body-too-large"
    )
    asked = {"service_id": str(CUT), "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z", "staff_id": many}
    refused(await api.get(f"{BASE}/slots", params=asked), 422)
    long = {"first_day": "2026-03-02", "last_day": "2026-05-03"}
    refused(await api.post(f"{BASE}/optimisation-runs", json=long), 422, "invalid-input")


async def test_a_repeated_local_hour_is_told_apart_by_its_offset(api, client_id):
    """Times carry their offset, so a gap or a repeated hour can only be meant one way; both read the same instant."""
    slot = {"service_id": str(CUT), "staff_id": str(ANA)}
    held = await api.post(f"{BASE}/holds", json={**slot, "starts_at": "2026-03-30T10:00:00+01:00"})
    assert held.json()["starts_at"] == "2026-03-30T09:00:00Z"
    again = await api.post(f"{BASE}/holds", json={**slot, "starts_at": "2026-03-30T09:00:00+00:00"})
    refused(again, 409, "slot-taken")


async def test_a_body_of_another_type(api, nothing_written):
    refused(await api.post(f"{BASE}/clients", content=b"name=Mia", headers={"content-type": "text/plain"}))


async def test_versions(api, nothing_written):
    for version in ['"x"', 'W/"1"', "9" * 30, '"-1"']:
        refused(await api.post(f"{BASE}/bookings/{uuid4()}/cancel", json={}, headers={"If-Match": version}))


async def test_an_idempotency_key_of_300_characters(api, nothing_written):
    refused(await api.post(f"{BASE}/clients", json={"name": "Mia"}, headers={"Idempotency-Key": "k" * 300}))


async def test_paths(api, nothing_written):
    for path in [f"{BASE}x", "/api/v1/businesses/%00", "/api/v1/businesses/a'--", "/nope"]:
        refused(await api.get(path))


async def test_what_is_not_there_is_404(api, nothing_written):
    for path in ("bookings", "optimisation-runs"):
        assert (await api.get(f"{BASE}/{path}/{uuid4()}")).status_code == 404
    assert (await api.post(f"{BASE}/optimisation-runs/{uuid4()}/apply", json={})).status_code == 404
