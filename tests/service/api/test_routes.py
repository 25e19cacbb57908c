"""Every route's happy path, over HTTP, on a real database."""

from datetime import datetime, timedelta

import psycopg
import pytest

from tests.service.api.conftest import BASE, finished_run, refused
from tests.service.worlds import ANA, BEN, COLOUR, CUT, MONDAY_10

DAY = str(MONDAY_10.date())
AT_10 = {"service_id": str(CUT), "staff_id": str(ANA), "starts_at": MONDAY_10.isoformat()}
MORNING = {"from": f"{DAY}T09:00:00Z", "to": f"{DAY}T12:30:00Z"}
pytestmark = pytest.mark.anyio

# The name of the test that shows each operation; test_shown.py looks that none is missing.
SHOWN = {
    "readBusiness": "test_a_business_with_its_services_and_staff",
    "listServices": "test_a_business_with_its_services_and_staff",
    "listStaff": "test_a_business_with_its_services_and_staff",
    "registerClient": "test_a_client_is_registered",
    "setDay": "test_the_hours_of_a_day_are_set_closed_and_given_back",
    "findSlots": "test_slots_by_time_and_by_rank",
    "countSlotsByDay": "test_slots_by_day_and_why_there_are_none",
    "explainSlots": "test_slots_by_day_and_why_there_are_none",
    "holdSlot": "test_a_hold_is_confirmed",
    "extendHold": "test_a_hold_is_extended_once_and_its_holder_sees_its_time",
    "releaseHold": "test_a_hold_is_released",
    "book": "test_a_hold_is_confirmed",
    "listBookings": "test_a_booking_is_made_read_listed_and_cancelled",
    "readBooking": "test_a_booking_is_made_read_listed_and_cancelled",
    "cancelBooking": "test_a_booking_is_made_read_listed_and_cancelled",
    "rescheduleBooking": "test_a_booking_moves_and_two_change_places",
    "swapBookings": "test_a_booking_moves_and_two_change_places",
    "approveBooking": "test_a_booking_is_approved_attended_and_completed",
    "payDeposit": "test_who_did_not_come_pays_a_deposit_first",
    "waiveDeposit": "test_who_did_not_come_pays_a_deposit_first",
    "setNoShowRules": "test_who_did_not_come_pays_a_deposit_first",
    "declineBooking": "test_a_booking_is_declined",
    "checkInBooking": "test_a_booking_is_approved_attended_and_completed",
    "completeBooking": "test_a_booking_is_approved_attended_and_completed",
    "markNoShow": "test_a_client_does_not_come",
    "joinWaitlist": "test_a_client_waits_and_leaves",
    "listWaitlist": "test_a_client_waits_and_leaves",
    "leaveWaitlist": "test_a_client_waits_and_leaves",
}


async def test_a_business_with_its_services_and_staff(api, scope):
    business = (await api.get(BASE)).json()
    assert {
        "id": str(scope.business_id),
        "slug": "salon",
        "name": "Salon",
        "zone": "Europe/Lisbon",
    }.items() <= business.items()
    assert (business["currency"], business["version"], business["deleted_at"]) == ("EUR", 1, None)
    services = (await api.get(f"{BASE}/services")).json()
    assert [(s["id"], s["duration"], s["buffer_after"]) for s in services] == [(str(COLOUR), 60, 0), (str(CUT), 30, 10)]
    staff = (await api.get(f"{BASE}/staff")).json()
    assert [(s["id"], s["name"]) for s in staff] == [(str(ANA), "Ana"), (str(BEN), "Ben")]


async def test_a_client_is_registered(api):
    body = {"name": "  Zoë Ørsted ", "email": "zoe@example.org", "phone": "+351 21 000 00 00"}
    answer = await api.post(f"{BASE}/clients", json=body)
    assert answer.status_code == 201
    assert answer.json().keys() == {"id"}


async def test_slots_by_time_and_by_rank(api):
    asked = {"service_id": str(CUT), **MORNING}
    slots = (await api.get(f"{BASE}/slots", params=asked)).json()
    assert [s["starts_at"] for s in slots] == sorted(s["starts_at"] for s in slots)
    assert len(slots) == 2 * 13
    assert {s["score"] for s in slots} == {None}
    only_ben = (await api.get(f"{BASE}/slots", params={**asked, "staff_id": str(BEN), "limit": "3"})).json()
    assert [s["staff"] for s in only_ben] == ["Ben"] * 3
    ranked = (await api.get(f"{BASE}/slots", params={**asked, "ranked": "true"})).json()
    assert [s["score"] for s in ranked] == sorted((s["score"] for s in ranked), reverse=True)
    both = {**asked, "staff_id": [str(ANA), str(BEN)]}
    assert (await api.get(f"{BASE}/slots", params=both)).json() == slots


async def test_slots_by_day_and_why_there_are_none(api):
    days = {"service_id": str(CUT), "first_day": DAY, "last_day": "2026-03-08"}
    counted = (await api.get(f"{BASE}/slots/days", params=days)).json()
    assert [(c["day"], c["free"] > 0) for c in counted] == [(f"2026-03-0{d}", d < 7) for d in range(2, 9)]
    sunday = {"service_id": str(CUT), "from": "2026-03-08T09:00:00Z", "to": "2026-03-08T12:00:00Z"}
    told = (await api.get(f"{BASE}/slots/why-not", params=sunday)).json()
    assert (told["free"], told["ruled_out"] != {}) == (0, True)


async def test_a_hold_is_confirmed(api, client_id):
    held = await api.post(f"{BASE}/holds", json={**AT_10, "minutes": 10})
    assert held.status_code == 201
    hold = held.json()
    lasts = datetime.fromisoformat(hold["expires_at"]) - datetime.now().astimezone()
    assert timedelta(minutes=9) < lasts <= timedelta(minutes=10)
    wanted = {"hold_id": hold["id"], "token": hold["token"], "client_id": client_id}
    booked = await api.post(f"{BASE}/bookings", json=wanted)
    assert (booked.status_code, booked.headers["etag"]) == (201, '"2"')
    due = {"fee_cents": None, "deposit_cents": None}
    assert booked.json() == {"id": hold["id"], "status": "confirmed", "version": 2, **due}


async def test_a_hold_is_extended_once_and_its_holder_sees_its_time(api):
    hold = (await api.post(f"{BASE}/holds", json={**AT_10, "minutes": 5})).json()
    holder = {"Hold-Token": hold["token"]}
    asked = {"service_id": str(CUT), "staff_id": str(ANA), "from": f"{DAY}T10:00:00Z", "to": f"{DAY}T10:01:00Z"}
    assert (await api.get(f"{BASE}/slots", params=asked)).json() == []
    assert len((await api.get(f"{BASE}/slots", params=asked, headers=holder)).json()) == 1
    assert (await api.get(f"{BASE}/slots", params=asked, headers={"Hold-Token": "guess"})).json() == []
    address = f"{BASE}/holds/{hold['id']}/extend"
    longer = await api.post(address, json={"minutes": 30}, headers=holder)
    assert longer.json()["expires_at"] > hold["expires_at"]
    refused(await api.post(address, json={"minutes": 30}, headers=holder), 409, "limit-reached")
    refused(await api.post(address, json={"minutes": 30}, headers={"Hold-Token": "guess"}), 409, "hold-expired")


async def test_a_visit_of_several_items_is_held_and_booked_whole(api, client_id):
    second = {**AT_10, "staff_id": str(BEN), "starts_at": f"{DAY}T11:00:00Z"}
    hold = (await api.post(f"{BASE}/holds", json={**AT_10, "more": [second]})).json()
    new = {"hold_id": hold["id"], "token": hold["token"], "client": {"name": "Nia"}}
    booked = await api.post(f"{BASE}/bookings", json=new)
    assert booked.status_code == 201
    items = (await api.get(f"{BASE}/bookings/{booked.json()['id']}")).json()
    assert [(i["staff_id"], i["client"]) for i in items] == [(str(ANA), "Nia"), (str(BEN), "Nia")]
    clash = {**AT_10, "starts_at": f"{DAY}T14:00:00Z", "client_id": client_id, "more": [second]}
    refused(await api.post(f"{BASE}/bookings", json=clash), 409, "slot-taken")
    free = {"service_id": str(CUT), "staff_id": str(ANA), "from": f"{DAY}T14:00:00Z", "to": f"{DAY}T14:01:00Z"}
    assert len((await api.get(f"{BASE}/slots", params=free)).json()) == 1


async def test_a_hold_is_released(api):
    hold = (await api.post(f"{BASE}/holds", json=AT_10)).json()
    released = await api.delete(f"{BASE}/holds/{hold['id']}", headers={"Hold-Token": hold["token"]})
    assert (released.status_code, released.content) == (204, b"")
    assert (await api.post(f"{BASE}/holds", json=AT_10)).status_code == 201


async def test_a_booking_is_made_read_listed_and_cancelled(api, client_id):
    booked = await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id})
    assert (booked.status_code, booked.headers["etag"]) == (201, '"1"')
    address = f"{BASE}/bookings/{booked.json()['id']}"
    read = await api.get(address)
    assert read.headers["etag"].startswith('"1-')
    [item] = read.json()
    assert (item["client"], item["status"], item["starts_at"]) == ("Maria Costa", "confirmed", f"{DAY}T10:00:00Z")
    assert item["claim_ends_at"] == f"{DAY}T10:40:00Z"
    assert (await api.get(f"{BASE}/bookings", params=MORNING)).json() == [item]
    cancelled = await api.post(f"{address}/cancel", json={"reason": "ill\nsorry"}, headers={"If-Match": '"1"'})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await api.get(f"{BASE}/bookings", params=MORNING)).json() == []
    assert (await api.get(address)).json()[0]["status"] == "cancelled"


async def test_a_booking_moves_and_two_change_places(api, client_id):
    later = (MONDAY_10 + timedelta(hours=4)).isoformat()
    bookings = [
        (await api.post(f"{BASE}/bookings", json={**AT_10, "staff_id": str(staff), "client_id": client_id})).json()[
            "id"
        ]
        for staff in (ANA, BEN)
    ]
    address = f"{BASE}/bookings/{bookings[0]}"
    moved = await api.post(f"{address}/reschedule", json={"starts_at": later}, headers={"If-Match": '"1"'})
    assert (moved.status_code, moved.headers["etag"], moved.json()["version"]) == (200, '"2"', 2)
    [item] = (await api.get(address)).json()
    assert (item["starts_at"], item["claim_starts_at"]) == (f"{DAY}T14:00:00Z", f"{DAY}T14:00:00Z")
    stale = await api.post(f"{address}/reschedule", json={"starts_at": later}, headers={"If-Match": '"1"'})
    refused(stale, 412, "stale-version")
    swapped = await api.post(f"{address}/swap", json={"booking_id": bookings[1], "version": 1})
    assert [b["version"] for b in swapped.json()] == [3, 2]
    [item] = (await api.get(address)).json()
    assert (item["starts_at"], item["staff_id"]) == (f"{DAY}T10:00:00Z", str(BEN))


async def pending(api, client_id: str, owner_url: str) -> str:
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE service SET needs_approval = true")
    booked = (await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id})).json()
    assert booked["status"] == "pending"
    return f"{BASE}/bookings/{booked['id']}"


async def test_a_booking_is_approved_attended_and_completed(api, client_id, owner_url):
    address = await pending(api, client_id, owner_url)
    api.clock.moment = MONDAY_10
    for version, (step, status) in enumerate(
        (("approve", "confirmed"), ("check-in", "checked_in"), ("complete", "completed")), start=2
    ):
        answer = await api.post(f"{address}/{step}", headers={"If-Match": f'"{version - 1}"'})
        assert (answer.status_code, answer.headers["etag"]) == (200, f'"{version}"')
        assert answer.json()["status"] == status


async def test_a_booking_is_declined(api, client_id, owner_url):
    address = await pending(api, client_id, owner_url)
    assert (await api.post(f"{address}/decline")).json()["status"] == "declined"
    assert (await api.get(f"{BASE}/bookings", params=MORNING)).json() == []


async def test_a_client_does_not_come(api, client_id, owner_url):
    address = await pending(api, client_id, owner_url)
    await api.post(f"{address}/approve")
    refused(await api.post(f"{address}/no-show"), 409, "not-allowed")
    api.clock.moment = MONDAY_10
    assert (await api.post(f"{address}/no-show")).json()["status"] == "no_show"


async def test_who_did_not_come_pays_a_deposit_first(api, client_id):
    rules = {"threshold": 1, "deposit_cents": 1500}
    assert (await api.put(f"{BASE}/no-show-rules", json=rules)).json() == rules
    slot = {**AT_10, "client_id": client_id}
    missed = (await api.post(f"{BASE}/bookings", json=slot)).json()["id"]
    api.clock.moment = MONDAY_10
    await api.post(f"{BASE}/bookings/{missed}/no-show")
    booked = (await api.post(f"{BASE}/bookings", json={**slot, "starts_at": f"{DAY}T15:00:00Z"})).json()
    assert (booked["status"], booked["deposit_cents"]) == ("pending", 1500)
    address = f"{BASE}/bookings/{booked['id']}"
    refused(await api.post(f"{address}/approve"), 409, "not-allowed")
    paid = await api.post(f"{address}/deposit", headers={"If-Match": '"1"'})
    assert (paid.json()["status"], paid.headers["etag"]) == ("confirmed", '"2"')
    assert (await api.get(address)).json()[0]["deposit_paid_at"] is not None
    other = (await api.post(f"{BASE}/bookings", json={**slot, "starts_at": f"{DAY}T16:00:00Z"})).json()
    waived = await api.post(f"{BASE}/bookings/{other['id']}/deposit/waive", headers={"If-Match": '"1"'})
    assert (waived.json()["status"], waived.headers["etag"]) == ("confirmed", '"2"')
    for bad in ({"threshold": 0}, {"threshold": None, "deposit_cents": 5}, {}, {"threshold": True}):
        refused(await api.put(f"{BASE}/no-show-rules", json=bad), 422, "invalid-input")


async def test_the_hours_of_a_day_are_set_closed_and_given_back(api):
    address, asked = f"{BASE}/staff/{BEN}/days/{DAY}", {"service_id": str(CUT), "staff_id": str(BEN), **MORNING}
    free = []
    for version, spans in enumerate(([{"opens": 540, "closes": 600}], [], None), start=1):
        answer = await api.put(address, json={"spans": spans})
        assert answer.json() == {"staff_id": str(BEN), "day": DAY, "version": version, "displaced": []}
        free.append(len((await api.get(f"{BASE}/slots", params=asked)).json()))
    assert free == [3, 0, 13]


async def waits(api, client_id: str) -> str:
    wish = {
        "client_id": client_id,
        "service_id": str(CUT),
        "windows": [{"start": MORNING["from"], "end": MORNING["to"]}],
        "staff_ids": [str(BEN)],
        "priority": 3,
    }
    answer = await api.post(f"{BASE}/waitlist", json=wish)
    assert (answer.status_code, answer.json()["status"]) == (201, "waiting")
    return answer.json()["id"]


async def test_a_client_waits_and_leaves(api, client_id):
    entry_id = await waits(api, client_id)
    [entry] = (await api.get(f"{BASE}/waitlist")).json()
    assert (entry["id"], entry["client"], entry["priority"], entry["staff_ids"]) == (
        entry_id,
        "Maria Costa",
        3,
        [str(BEN)],
    )
    assert entry["windows"] == [{"start": MORNING["from"], "end": MORNING["to"]}]
    assert entry["seats"] == 1
    pair = {
        "client_id": client_id,
        "service_id": str(CUT),
        "windows": [{"start": MORNING["from"], "end": MORNING["to"]}],
    }
    refused(await api.post(f"{BASE}/waitlist", json={**pair, "seats": 2}), 422, "outside-policy")
    assert (await api.delete(f"{BASE}/waitlist/{entry_id}")).status_code == 204
    assert (await api.get(f"{BASE}/waitlist")).json() == []


@pytest.mark.parametrize("how", ["clients", "holds", "bookings", "waitlist", "day", "cancel", "apply"])
async def test_a_key_gives_the_first_answer_again(api, client_id, how):
    keyed = {"Idempotency-Key": "once"}
    if how == "cancel":
        made = (await api.post(f"{BASE}/bookings", json={**AT_10, "client_id": client_id})).json()["id"]
        request = ("POST", f"{BASE}/bookings/{made}/cancel", {"reason": "ill"})
    elif how == "apply":
        await waits(api, client_id)
        run = (await finished_run(api, {"first_day": DAY, "last_day": DAY}))["id"]
        request = ("POST", f"{BASE}/optimisation-runs/{run}/apply", {})
    else:
        wish = {"start": MORNING["from"], "end": MORNING["to"]}
        request = {
            "clients": ("POST", f"{BASE}/clients", {"name": "Mia"}),
            "holds": ("POST", f"{BASE}/holds", AT_10),
            "bookings": ("POST", f"{BASE}/bookings", {**AT_10, "client_id": client_id}),
            "waitlist": (
                "POST",
                f"{BASE}/waitlist",
                {"client_id": client_id, "service_id": str(CUT), "windows": [wish]},
            ),
            "day": ("PUT", f"{BASE}/staff/{ANA}/days/{DAY}", {"spans": []}),
        }[how]
    method, address, body = request
    first, second = [await api.request(method, address, json=body, headers=keyed) for _ in range(2)]
    assert first.status_code in (200, 201)
    assert (second.status_code, second.content) == (first.status_code, first.content)
