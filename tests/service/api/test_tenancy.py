"""Nobody reaches another business's rows: not by id, not without a tenant, not where a filter was forgotten."""

import re

import psycopg
import pytest

from models.permissions import Role
from models.tables import metadata
from service.bootstrap import server_app
from service.db import views
from service.db.database import Transaction
from service.security.vault import ERASED
from tests.service.api.conftest import BASE, finished_run, refused, row_counts
from tests.service.people import caller, everything, somebody
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW

DAY = str(MONDAY_10.date())
WINDOW = {"start": f"{DAY}T09:00:00Z", "end": f"{DAY}T17:00:00Z"}
RANGE = {"from": WINDOW["start"], "to": WINDOW["end"]}
AT_15 = MONDAY_10.replace(hour=15).isoformat()
OURS = (
    *("service", "staff", "hold", "client", "booking", "entry", "run", "move", "resource", "location", "absence"),
    "request",
)
IDS = (*OURS, "job", "account", "invitation", "key")
pytestmark = pytest.mark.anyio


RULE = "FREQ=WEEKLY;COUNT=2"
STEPS = ("approve", "deposit", "deposit/waive", "decline", "check-in", "complete", "no-show")


def foreign_requests(ids: dict, ours: str) -> list[tuple[str, str, dict]]:
    """Return every request that can name an id, with one of another business's in its place."""
    theirs = {name: str(id_) for name, id_ in ids.items()}
    slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": AT_15}
    wish = {"client_id": ours, "service_id": str(CUT), "windows": [WINDOW]}
    days = {"first_day": DAY, "last_day": DAY}
    of_theirs = [{"service_id": theirs["service"]}, {"service_id": str(CUT), "staff_ids": [theirs["staff"]]}]
    asked = [
        {"service_id": theirs["service"]},
        {"service_id": str(CUT), "staff_id": theirs["staff"]},
        {"service_id": str(CUT), "location_id": theirs["location"]},
    ]
    return [
        *(("GET", "/slots", {"params": {**ask, **RANGE}}) for ask in asked),
        *(("GET", "/slots/why-not", {"params": {**ask, **RANGE}}) for ask in asked),
        *(("GET", "/slots/days", {"params": {**ask, **days}}) for ask in asked),
        *(("GET", "/slots/suggestions", {"params": {**ask, **RANGE}}) for ask in asked),
        *(("GET", "/slots/series", {"params": {**ask, "first": AT_15, "count": "2"}}) for ask in asked),
        *(("POST", "/slots/visits", {"json": {"items": [item], **WINDOW}}) for item in of_theirs),
        ("POST", "/holds", {"json": {**slot, "service_id": theirs["service"]}}),
        ("POST", "/holds", {"json": {**slot, "staff_id": theirs["staff"]}}),
        ("DELETE", f"/holds/{theirs['hold']}", {"headers": {"Hold-Token": "guess"}}),
        ("POST", f"/holds/{theirs['hold']}/extend", {"headers": {"Hold-Token": "guess"}, "json": {}}),
        ("POST", "/bookings", {"json": {**slot, "client_id": theirs["client"]}}),
        ("POST", "/bookings", {"json": {**slot, "client_id": ours, "service_id": theirs["service"]}}),
        ("POST", "/bookings", {"json": {**slot, "client_id": ours, "staff_id": theirs["staff"]}}),
        ("POST", "/bookings", {"json": {"hold_id": theirs["hold"], "token": "guess", "client_id": ours}}),
        ("POST", "/booking-requests", {"json": {**slot, "client_id": theirs["client"]}}),
        ("POST", "/booking-requests", {"json": {**slot, "client_id": ours, "service_id": theirs["service"]}}),
        ("POST", "/booking-requests", {"json": {**slot, "client_id": ours, "staff_id": theirs["staff"]}}),
        ("GET", f"/booking-requests/{theirs['request']}", {}),
        ("POST", f"/jobs/{theirs['job']}/requeue", {}),
        ("GET", f"/bookings/{theirs['booking']}", {}),
        ("POST", f"/bookings/{theirs['booking']}/cancel", {"json": {}}),
        *(("POST", f"/bookings/{theirs['booking']}/{step}", {}) for step in STEPS),
        ("POST", f"/bookings/{theirs['booking']}/reschedule", {"json": {"starts_at": AT_15}}),
        ("POST", f"/bookings/{theirs['booking']}/swap", {"json": {"booking_id": theirs["hold"]}}),
        ("PUT", f"/staff/{theirs['staff']}/days/{DAY}", {"json": {"spans": []}}),
        ("PUT", f"/staff/{theirs['staff']}/hours", {"json": {"spans": []}}),
        (
            "POST",
            f"/staff/{theirs['staff']}/time-off",
            {"json": {"starts_at": WINDOW["start"], "ends_at": WINDOW["end"]}},
        ),
        ("GET", f"/staff/{theirs['staff']}", {}),
        ("PATCH", f"/staff/{theirs['staff']}", {"json": {"name": "Mine"}}),
        ("DELETE", f"/time-off/{theirs['absence']}", {}),
        ("POST", "/services", {"json": {"name": "X", "duration": 30, "staff_ids": [theirs["staff"]]}}),
        ("GET", f"/services/{theirs['service']}", {}),
        ("PATCH", f"/services/{theirs['service']}", {"json": {"duration": 5}}),
        ("PUT", f"/services/{theirs['service']}/staff/{theirs['staff']}", {"json": {}}),
        ("DELETE", f"/services/{theirs['service']}/staff/{theirs['staff']}", {}),
        ("PATCH", f"/resources/{theirs['resource']}", {"json": {"name": "Mine"}}),
        ("POST", "/waitlist", {"json": {**wish, "client_id": theirs["client"]}}),
        ("POST", "/waitlist", {"json": {**wish, "service_id": theirs["service"]}}),
        ("POST", "/waitlist", {"json": {**wish, "staff_ids": [theirs["staff"]]}}),
        ("DELETE", f"/waitlist/{theirs['entry']}", {}),
        ("GET", "/clients/{client}/bookings".format(**theirs), {}),
        ("GET", f"/series/{theirs['booking']}", {}),
        ("POST", "/series", {"json": {**slot, "rule": RULE, "client_id": theirs["client"]}}),
        ("POST", "/series", {"json": {**slot, "rule": RULE, "client_id": ours, "staff_id": theirs["staff"]}}),
        ("POST", "/series", {"json": {**slot, "rule": RULE, "client_id": ours, "service_id": theirs["service"]}}),
        ("POST", f"/bookings/{theirs['booking']}/series/reschedule", {"json": {"starts_at": AT_15}}),
        ("POST", f"/bookings/{theirs['booking']}/series/reschedule", {"json": {"staff_id": theirs["staff"]}}),
        ("POST", f"/bookings/{theirs['booking']}/series/cancel", {"json": {}}),
        ("GET", "/schedule", {"params": {"first_day": DAY, "staff_id": theirs["staff"]}}),
        ("POST", f"/offers/{theirs['entry']}/accept", {}),
        ("POST", f"/offers/{theirs['entry']}/decline", {}),
        ("GET", f"/optimisation-runs/{theirs['run']}", {}),
        ("POST", f"/optimisation-runs/{theirs['run']}/apply", {"json": {}}),
        ("POST", f"/optimisation-runs/{theirs['run']}/apply", {"json": {"moves": [theirs["move"]]}}),
        ("POST", f"/optimisation-runs/{theirs['run']}/discard", {}),
        ("POST", f"/optimisation-runs/{theirs['run']}/stop", {}),
        ("GET", f"/optimisation-runs/{theirs['run']}/alternatives", {}),
        ("GET", f"/bookings/{theirs['booking']}/allowance", {}),
        ("PUT", f"/bookings/{theirs['booking']}/allowance", {"json": {"locked": True}}),
        ("POST", f"/bookings/{theirs['booking']}/link", {"json": {}}),
        ("GET", f"/clients/{theirs['client']}", {}),
        ("GET", f"/clients/{theirs['client']}/export", {}),
        ("PATCH", f"/clients/{theirs['client']}", {"json": {"name": "Mine"}}),
        *(("POST", f"/clients/{theirs['client']}/{what}", {}) for what in ("erase", "restore")),
        ("DELETE", f"/clients/{theirs['client']}", {}),
        ("POST", "/staff", {"json": {"name": "X", "location_id": theirs["location"]}}),
        ("POST", "/resources", {"json": {"name": "X", "kind": "room", "location_id": theirs["location"]}}),
        ("GET", f"/locations/{theirs['location']}", {}),
        ("PATCH", f"/locations/{theirs['location']}", {"json": {"name": "Mine"}}),
        *(
            (method, f"/{of}/{theirs[name]}{what}", {})
            for of, name in (
                ("locations", "location"),
                ("staff", "staff"),
                ("services", "service"),
                ("resources", "resource"),
            )
            for method, what in (("DELETE", ""), ("POST", "/restore"))
        ),
        ("PUT", f"/members/{theirs['account']}", {"json": {"role": "manager"}}),
        ("DELETE", f"/members/{theirs['account']}", {}),
        ("POST", "/invitations", {"json": {"email": "a@b.example", "role": "staff", "staff_id": theirs["staff"]}}),
        ("POST", "/invitations", {"json": {"email": "a@b.example", "role": "client", "client_id": theirs["client"]}}),
        ("DELETE", f"/invitations/{theirs['invitation']}", {}),
        ("DELETE", f"/keys/{theirs['key']}", {}),
    ]


def foreign_filters(ids: dict) -> list[tuple[str, dict]]:
    """Return every list that can be narrowed by an id, with one of another business's in its place."""
    theirs = {name: str(id_) for name, id_ in ids.items()}
    narrowed = {
        "/services": ("staff",),
        "/staff": ("service", "location"),
        "/bookings": ("staff", "service", "client"),
        "/waitlist": ("service", "client"),
        "/offers": ("client",),
    }
    ranged = {"/bookings": RANGE}
    return [
        (path, {f"{name}_id": theirs[name], **ranged.get(path, {})})
        for path, names in narrowed.items()
        for name in names
    ]


async def test_a_list_narrowed_by_anothers_id_is_empty(api, scope, rival, client_id):
    await booked(api, client_id)
    for path, params in foreign_filters(rival.ids):
        answer = await api.get(BASE + path, params=params)
        assert (answer.status_code, answer.json()) == (200, []), (path, params)


async def test_anothers_id_is_404_on_every_route(app, scope, rival, client_id, owner_url):
    api = caller(app, await somebody(scope, Role.OWNER))
    before = row_counts(owner_url)
    for method, path, request in foreign_requests(rival.ids, client_id):
        refused(await api.request(method, BASE + path, **request), 404, "not-found")
    own_run = (await finished_run(api, {"first_day": DAY, "last_day": DAY}))["id"]
    moves = {"moves": [str(rival.ids["move"])]}
    refused(await api.post(f"{BASE}/optimisation-runs/{own_run}/apply", json=moves), 404, "not-found")
    after = row_counts(owner_url)
    assert {t: n - before[t] for t, n in after.items() if n != before[t]} == {
        "optimisation_run": 1,
        "outbox_event": 2,
        "audit_entry": 2,
    }


async def test_the_same_ids_are_found_by_their_own_business(app, rival):
    """Or the test above would pass because the requests are wrong."""
    api = caller(app, await everything(rival.scope))
    theirs = "/api/v1/businesses/rival"
    assert (await api.get(f"{theirs}/bookings/{rival.ids['booking']}")).status_code == 200
    assert (await api.get(f"{theirs}/optimisation-runs/{rival.ids['run']}")).status_code == 200
    asked = {"service_id": str(rival.ids["service"]), "staff_id": str(rival.ids["staff"]), **RANGE}
    assert len((await api.get(f"{theirs}/slots", params=asked)).json()) > 0
    assert (await api.delete(f"{theirs}/waitlist/{rival.ids['entry']}")).status_code == 204
    assert (await api.post(f"{theirs}/bookings/{rival.ids['booking']}/cancel", json={})).status_code == 200


def test_every_operation_that_takes_an_id_is_asked_for_anothers():
    some = dict.fromkeys(IDS, "x")
    asked = {
        (method, re.sub(r"/x(?=/|$)", "/{}", path.replace(DAY, "x"))) for method, path, _ in foreign_requests(some, "x")
    } | {("GET", path) for path, _ in foreign_filters(some)}
    schema = server_app().openapi()
    bodies = schema["components"]["schemas"]
    for address, methods in schema["paths"].items():
        path = re.sub(r"\{\w+\}", "{}", address.replace("/api/v1/businesses/{business}", ""))
        for method, operation in methods.items():
            reference = operation.get("requestBody", {"content": {}})["content"].get("application/json", {})
            body = bodies.get(reference.get("schema", {}).get("$ref", "").rpartition("/")[2], {"properties": {}})
            named = {p["name"] for p in operation.get("parameters", ())} | body["properties"].keys()
            if address.startswith("/api/v1/businesses/") and any(
                name.endswith(("_id", "_ids")) or name == "moves" for name in named
            ):
                assert (method.upper(), path) in asked, (method, path)


def tenant_tables() -> list[str]:
    return [table.name for table in metadata.sorted_tables]


async def test_a_transaction_without_a_tenant_sees_and_writes_no_row(api, rival, app_url, owner_url):
    with psycopg.connect(owner_url) as owner:
        filled = [t for t in tenant_tables() if owner.execute(f"SELECT count(*) FROM {t}").fetchone()[0]]
    assert {"business", "staff", "claim", "appointment", "planned_move", "audit_entry", "change_log"} <= set(filled)
    with psycopg.connect(app_url, autocommit=True) as app:
        for setting in (None, "", str(rival.scope.business_id)):
            if setting is not None:
                app.execute("BEGIN")
                app.execute("SELECT set_config('app.business', %s, true)", [setting])
                seen = app.execute("SELECT count(*) FROM staff").fetchone()[0]
                assert seen == (1 if setting else 0)
                app.execute("COMMIT")
            # After a tenant's transaction, the connection has none again.
            for table in tenant_tables():
                assert app.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            app.execute(
                "INSERT INTO client (business_id, id, name) VALUES (%s, gen_random_uuid(), 'x')",
                [rival.scope.business_id],
            )
        assert app.execute("UPDATE client SET name = 'x'").rowcount == 0
        assert app.execute("DELETE FROM claim").rowcount == 0


READS = (
    "",
    "/services",
    "/staff",
    f"/slots?service_id={CUT}&from={WINDOW['start']}&to={WINDOW['end']}",
    f"/bookings?from={WINDOW['start']}&to={WINDOW['end']}",
    "/waitlist",
    "/optimisation-runs/latest",
    "/jobs",
    "/audit",
)
FILTER = re.compile(r"(?:\w+\.)?business_id = (%\(business\)s|%s)")


def without_filters(monkeypatch) -> list[str]:
    """Take `business_id = …` out of every statement that the service sends from here on."""
    loosened: list[str] = []
    for name in ("rows", "execute"):
        send = getattr(Transaction, name)

        async def loose(tx, sql, params=None, *, send=send):
            loosened.extend(FILTER.findall(sql))
            return await send(tx, FILTER.sub(r"\1::uuid IS NOT NULL", sql), params)

        monkeypatch.setattr(Transaction, name, loose)
    return loosened


async def our_answers(api, scope, client_id) -> list:
    """What the salon reads on every route, and its arrays."""
    view = await views.load(scope.db, scope.business_id, NOW.date(), 14)
    answers = [(await api.get(BASE + path)).json() for path in READS]
    return [*answers, view.snapshot.staff, [lane.busy.tolist() for lane in view.snapshot.lanes]]


async def booked(api, client_id) -> None:
    """Give the salon one of everything too."""
    slot = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": AT_15}
    await api.post(f"{BASE}/bookings", json={**slot, "client_id": client_id})
    await api.post(f"{BASE}/waitlist", json={"client_id": client_id, "service_id": str(CUT), "windows": [WINDOW]})
    await api.post(f"{BASE}/optimisation-runs", json={"first_day": DAY, "last_day": DAY})


async def unfiltered_answers_are_the_same(api, scope, client_id, monkeypatch) -> None:
    await booked(api, client_id)
    expected = await our_answers(api, scope, client_id)
    loosened = without_filters(monkeypatch)
    assert await our_answers(api, scope, client_id) == expected
    assert len(loosened) > 10


async def test_where_the_filter_was_forgotten_row_level_security_holds(api, scope, rival, client_id, monkeypatch):
    await unfiltered_answers_are_the_same(api, scope, client_id, monkeypatch)


class TestWithoutRowLevelSecurity:
    """In a database of its own, whose policies are switched off: the same checks find the rival's rows."""

    @pytest.fixture
    def database_name(self, own_database):
        return own_database

    @pytest.fixture
    def open_to_all(self, owner_url, rival):
        with psycopg.connect(owner_url, autocommit=True) as owner:
            for table in tenant_tables():
                owner.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    async def test_a_forgotten_filter_leaks(self, api, scope, rival, client_id, monkeypatch, open_to_all):
        with pytest.raises(AssertionError):
            await unfiltered_answers_are_the_same(api, scope, client_id, monkeypatch)

    async def test_a_transaction_without_a_tenant_sees_rows(self, api, rival, app_url, owner_url, open_to_all):
        with pytest.raises(AssertionError):
            await test_a_transaction_without_a_tenant_sees_and_writes_no_row(api, rival, app_url, owner_url)

    async def test_only_the_filter_keeps_anothers_ids_away(self, api, rival, client_id, monkeypatch, open_to_all):
        address = f"{BASE}/bookings/{rival.ids['booking']}"
        refused(await api.get(address), 404)
        without_filters(monkeypatch)
        [item] = (await api.get(address)).json()
        # Even then the name stays sealed: its key is bound to the business it belongs to.
        assert (item["id"], item["client"]) == (str(rival.ids["booking"]), ERASED)
