"""A business with some of everything, and a configuration that lets schemathesis draw what is there."""

import json
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import cycle
from uuid import UUID

import httpx

from service.api import examples
from service.commands import offers
from service.db.command import Scope
from service.db.database import Database
from service.db.views import Views
from service.jobs.queue import queue_on
from tests.service.api.aurora import Aurora
from tests.service.worlds import MONDAY_10, NOW

CUT = {"service_id": examples.SERVICE_ID, "staff_id": examples.STAFF_ID}
TIMES = [MONDAY_10 + timedelta(weeks=week, days=day, hours=4) for week in range(4) for day in range(5)]
"""Of an afternoon, all free but where something below takes one."""
ELSEWHERE = """
[[operations]]
include-operation-id = ["deleteBusiness", "restoreBusiness"]
parameters = { "path.business" = "second" }
[[operations]]
include-operation-id = "createBusiness"
parameters = { "body.slug" = { dictionary = "slugs", probability = 0.9 } }
[dictionaries.slugs]
values = ["bairro", "graca", "mouraria", "belem"]
"""
"""What would leave the business closed to all the others is done to a second one."""
OFTEN = 0.9
"""How often what is to be of the right form names what is there."""
Ids = dict[str, list[object]]


def at(index: int, hours: int = 0) -> dict[str, object]:
    """Return one of the times for the client."""
    return {**CUT, "client_id": examples.CLIENT_ID, "starts_at": (TIMES[index] + timedelta(hours=hours)).isoformat()}


def window(index: int) -> dict[str, str]:
    """Return the two hours from one of the times on."""
    return {"start": TIMES[index].isoformat(), "end": (TIMES[index] + timedelta(hours=2)).isoformat()}


class Stock:
    """Fills a business over HTTP; `ids` are those that are there, by the parameter that takes them."""

    def __init__(self, aurora: Aurora) -> None:
        address = f"{aurora.address}/api/v1/businesses/aurora"
        self.api = httpx.Client(base_url=address, headers={"Cookie": aurora.admin}, timeout=30)
        self.ids: Ids = {"staff_id": [examples.STAFF_ID], "service_id": [examples.SERVICE_ID]}
        self.ids["client_id"] = [examples.CLIENT_ID]

    def make(self, name: str, path: str, *bodies: dict[str, object], member: str = "id") -> None:
        """Post some bodies; what each answer has as `member` is of this name."""
        for body in bodies:
            answer = self.api.post(path, json=body)
            assert answer.is_success, (path, answer.text)
            self.ids.setdefault(name, []).append(answer.json()[member])

    def find(self, name: str, path: str, member: str = "id", **query: str) -> None:
        """List what is there; what each row has as `member` is of this name."""
        answer = self.api.get(path, params=query)
        assert answer.is_success, (path, answer.text)
        self.ids.setdefault(name, []).extend(row[member] for row in answer.json())


def stocked(aurora: Aurora) -> Ids:
    """Give the business some of everything; returns the ids by the parameter that takes them."""
    stock = Stock(aurora)
    with stock.api:
        _catalogue(stock)
        _book(stock)
        aurora.world.do(_offered(aurora.business_id))
        aurora.world.do(_queued(aurora))
        stock.find("offer_id", "/offers")
        _plan(stock)
        _people(stock)
    return stock.ids


def _catalogue(stock: Stock) -> None:
    second = {"name": "Second", "slug": "second", "zone": "Europe/Lisbon"}
    assert stock.api.post(stock.api.base_url.join("/api/v1/businesses"), json=second).is_success
    stock.make("location_id", "/locations", {"name": "Chiado"}, {"name": "Alfama"})
    stock.make("resource_id", "/resources", {"name": "Room 1", "kind": "room"}, {"name": "Room 2", "kind": "room"})
    stock.make("service_id", "/services", {"name": "Wash", "duration": 15}, {"name": "Dye", "duration": 60})
    stock.make("staff_id", "/staff", {"name": "Ben"}, {"name": "Eva"})
    stock.make("client_id", "/clients", {"name": "Rui"}, {"name": "Mia", "email": "mia@example.com"})
    off = TIMES[10]
    taken = {"starts_at": off.isoformat(), "ends_at": (off + timedelta(hours=1)).isoformat()}
    stock.make("claim_id", f"/staff/{examples.STAFF_ID}/time-off", taken, member="claim_id")


def _book(stock: Stock) -> None:
    stock.make("booking_id", "/bookings", *map(at, range(6)), *(at(index, 1) for index in range(6)))
    [series] = [stock.api.post("/series", json={**at(6, 1), "rule": "FREQ=WEEKLY;COUNT=2"}).json()]
    stock.ids["series_id"] = [series["id"]]
    stock.ids["booking_id"] += [occurrence["appointment_id"] for occurrence in series["occurrences"]]
    holds = [stock.api.post("/holds", json={**CUT, "starts_at": at(7, hour)["starts_at"]}).json() for hour in (0, 1)]
    stock.ids |= {"hold_id": [hold["id"] for hold in holds], "token": [hold["token"] for hold in holds]}
    stock.make("request_id", "/booking-requests", at(8))
    for index in (9, 9, 12, 13):
        wish = {"client_id": stock.ids["client_id"][index % 3], "service_id": examples.SERVICE_ID}
        stock.make("entry_id", "/waitlist", {**wish, "windows": [window(index)]})


def _offered(business_id: UUID) -> Callable[[Database], Awaitable[None]]:
    async def offered(db: Database) -> None:
        scope, view = Scope(db, business_id, actor="test"), await Views(db).current(business_id, NOW)
        freed = offers.Freed(UUID(examples.STAFF_ID), TIMES[9], TIMES[9] + timedelta(minutes=80))
        assert len(await offers.pass_on(scope, freed, view=view, now=NOW)) == 2

    return offered


def _queued(aurora: Aurora) -> Callable[[Database], Awaitable[None]]:
    async def queued(_: Database) -> None:
        queue = queue_on(aurora.world.app_url)
        async with queue.open_async():
            await queue.configure_task("auroras.work").defer_async(business_id=str(aurora.business_id))

    return queued


def _plan(stock: Stock) -> None:
    days = {"first_day": str(TIMES[0].date()), "last_day": str(TIMES[-1].date())}
    for seed in (1, 2):
        answer = stock.api.post("/optimisation-runs", json={**days, "seed": seed})
        run_id = answer.json()[0]["id"]
        while stock.api.get(f"/optimisation-runs/{run_id}").json()["status"] == "running":
            time.sleep(0.05)
        stock.ids.setdefault("run_id", []).append(run_id)
        plan = stock.api.get(f"/optimisation-runs/{run_id}").json()
        stock.ids.setdefault("moves", []).extend(move["id"] for move in plan["moves"])


def _people(stock: Stock) -> None:
    of_all = stock.api.base_url.join("/api/v1/")
    for name in ("olga", "rita"):
        invited = stock.api.post("/invitations", json={"email": f"{name}@example.com", "role": "manager"}).json()
        accepted = {"token": invited["token"], "name": name, "password": examples.SAMPLES["password"]}
        assert stock.api.post(of_all.join("invitations/accept"), json=accepted).is_success
    stock.make("invitation_id", "/invitations", {"email": "new@example.com", "role": "owner"})
    stock.make("key_id", "/keys", {"name": "ours", "scopes": ["bookings:read"]})
    stock.find("account_id", "/members", "account_id")
    stock.find("job_id", "/jobs")


def configuration(ids: Ids) -> str:
    """Return schemathesis.toml: of this business alone, and of what is there often where that is of the right form."""
    times = [time.isoformat().replace("+00:00", "Z") for time in TIMES]
    days = [str(time.date()) for time in TIMES]
    known = {
        **ids,
        **dict.fromkeys(("starts_at", "start", "from", "first", "near"), times[:10]),
        **dict.fromkeys(("ends_at", "end", "to"), times[10:]),
        **dict.fromkeys(("day", "first_day", "valid_from"), days[:10]),
        "last_day": days[10:],
        "if-match": ["*", '"1"', '"2"'],
        "rule": ["FREQ=WEEKLY;COUNT=3", "FREQ=DAILY;COUNT=2"],
        "more[*].staff_id": ids["staff_id"],
        "more[*].service_id": ids["service_id"],
        "more[*].starts_at": times,
        "items[*].service_id": ids["service_id"],
        "windows[*].start": times[:10],
        "windows[*].end": times[10:],
        "staff_ids[*]": ids["staff_id"],
        "moves[*]": ids["moves"],
        "days[*].day": days,
    }
    lists = [f"[dictionaries.d{number}]\nvalues = {json.dumps(values)}" for number, values in enumerate(known.values())]
    drawn = [
        f'"{place}.{name}" = {{ dictionary = "d{number}", probability = {OFTEN} }}'
        for number, name in enumerate(known)
        for place in (("body",) if "[" in name else ("path", "query", "header", "body"))
    ]
    return "\n".join([*lists, "[parameters]", '"path.business" = "aurora"', *drawn, ELSEWHERE])


def illustrate(document: dict, ids: Ids) -> None:
    """Let a document's examples name what is there, each operation something else where there is more than one."""
    turns = {name: cycle(values) for name, values in ids.items()}
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    for operation in operations:
        for parameter in operation.get("parameters", ()):
            if "example" in parameter and parameter["name"] in turns:
                parameter["example"] = next(turns[parameter["name"]])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            body = content["example"]
            if isinstance(body, dict):
                content["example"] = {**body, **{name: next(turns[name]) for name in body if name in turns}}
