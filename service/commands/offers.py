"""Offers: freed time held for who waits for it, for a while; accepted, declined, or passed on to the next in line."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.range import TimestamptzRange
from uuid_utils.compat import uuid7

from models.errors import HoldExpired, LimitReached, NotAllowed, NotFound, SlotTaken
from models.states import AppointmentStatus, Party, sources
from service.commands.attendance import Booking
from service.commands.legality import Wanted, legal_items, with_item
from service.commands.limits import Tally
from service.db import claims
from service.db.command import command
from service.db.database import Transaction
from service.db.ledger import record
from service.db.views import View
from solver.clock import moment
from solver.slots import SlotQuery, find_slots

OFFER_MINUTES = 60
"""An offer holds for so long unless the business's settings say `offer_minutes`; 0 there: it makes none."""
MOST = 50
"""Entries looked at for one freed time."""
LONGEST_VISIT = timedelta(days=1)
# Nobody is asked twice about the same time.
OFFERED_BEFORE = """
SELECT o.entry_id FROM offer o
JOIN appointment_item i ON i.business_id = o.business_id AND i.appointment_id = o.appointment_id
WHERE o.business_id = %(business)s AND i.staff_id = %(staff)s
  AND i.starts_at < upper(%(freed)s::tstzrange) AND i.ends_at > lower(%(freed)s::tstzrange)
"""
MINUTES = "SELECT coalesce((settings ->> 'offer_minutes')::int, %s) AS minutes FROM business WHERE id = %s"
# Of those who could come: higher priority first, then who has waited longest; locked in the order of their ids, as
# plans lock them. Who is being dealt with elsewhere is waited for: passed over, nobody might be offered the time.
IN_LINE = (
    """
SELECT w.id, w.client_id, w.service_id, w.staff_ids, w.windows, w.version, w.priority, w.since, w.seats
FROM waitlist_entry w
WHERE w.business_id = %(business)s AND w.status = 'waiting' AND w.id IN (
    SELECT e.id FROM waitlist_entry e JOIN client c ON c.business_id = e.business_id AND c.id = e.client_id
    WHERE e.business_id = %(business)s AND e.status = 'waiting' AND e.windows && %(freed)s::tstzrange
      AND c.deleted_at IS NULL AND c.erased_at IS NULL
      AND (e.staff_ids IS NULL OR %(staff)s = ANY(e.staff_ids))
      AND EXISTS (SELECT FROM allocation a
                  WHERE a.business_id = e.business_id AND a.service_id = e.service_id AND a.staff_id = %(staff)s)
      AND e.id NOT IN ("""
    + OFFERED_BEFORE
    + """)
    ORDER BY e.priority DESC, e.since, e.id LIMIT %(most)s)
ORDER BY w.id FOR UPDATE
"""
)
MAKE = """
WITH made AS (
    INSERT INTO offer (business_id, id, entry_id, appointment_id, expires_at)
    VALUES (%(business)s, %(id)s, %(entry)s, %(appointment)s, %(expires_at)s)
)
UPDATE waitlist_entry SET status = 'offered', version = version + 1
WHERE business_id = %(business)s AND id = %(entry)s RETURNING version
"""
# Entries are locked before appointments, as plans and those who pass time on lock them.
READ = """
SELECT o.id, o.entry_id, o.appointment_id, o.status, w.client_id
FROM offer o JOIN waitlist_entry w ON w.business_id = o.business_id AND w.id = o.entry_id
WHERE o.business_id = %(business)s AND (o.id = %(id)s OR o.appointment_id = %(hold)s OR o.entry_id = %(entry)s)
ORDER BY o.status = 'open' DESC LIMIT 1 FOR UPDATE
"""
# The entry goes with the offer: placed, or waiting again.
CLOSE = """
WITH closed AS (
    UPDATE offer SET status = %(status)s WHERE business_id = %(business)s AND id = %(id)s AND status = 'open'
    RETURNING entry_id
)
UPDATE waitlist_entry w SET status = %(entry)s, appointment_id = %(appointment)s, version = w.version + 1
FROM closed WHERE w.business_id = %(business)s AND w.id = closed.entry_id AND w.status = 'offered'
RETURNING w.id, w.version
"""


@dataclass(frozen=True, slots=True)
class Freed:
    """Time of a staff member that has just become free; aware, half-open."""

    staff_id: UUID
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """A time held for a waitlist entry until `expires_at`."""

    id: UUID
    entry_id: UUID
    appointment_id: UUID
    staff_id: UUID
    starts_at: datetime
    expires_at: datetime


@command
async def pass_on(tx: Transaction, request: Freed, *, view: View, now: datetime) -> list[Offer]:
    """Offer freed time to who waits for it, by priority and patience, as many as fit; returns the offers.

    Seats in a group are offered as time is. Who has come as often as the limits allow is passed over. It may be called
    again for the same time: what is held is not offered again, nor anybody asked again.
    """
    row = await tx.row(MINUTES, [OFFER_MINUTES, tx.business_id])
    minutes = 0 if row is None else row["minutes"]
    if minutes <= 0 or request.staff_id not in view.lanes:
        return []
    freed = TimestamptzRange(request.starts_at, request.ends_at)
    asked = {"business": tx.business_id, "staff": request.staff_id, "freed": freed}
    waiting = await tx.rows(IN_LINE, asked | {"most": MOST})
    # Once more, now that they are locked: another may have asked them meanwhile.
    before = {row["entry_id"] for row in await tx.rows(OFFERED_BEFORE, asked)}
    entries = sorted(waiting, key=lambda entry: (-entry["priority"], entry["since"], entry["id"]))
    line = [entry for entry in entries if entry["id"] not in before]
    offers: list[Offer] = []
    # Whoever is refused leaves their place to those behind, who are placed anew.
    while placed := _placed(view, line, request, now):
        tally = await Tally.of(tx, view, [(item, entry["client_id"]) for entry, item in placed])
        for entry, item in placed:
            line.remove(entry)
            try:
                offers.append(await _offer(tx, entry, item, minutes, tally))
            except LimitReached:
                continue
            except SlotTaken:
                pass  # with a single item a refused take has written nothing
            view = with_item(view, item)
    return offers


def _placed(view: View, line: list[DictRow], freed: Freed, now: datetime) -> list[tuple[DictRow, claims.Item]]:
    """Return who of a line could come in freed time, one beside the other."""
    placed = []
    for entry in line:
        place = _place(view, entry, freed, now)
        if place is not None:
            [item] = legal_items(view, [Wanted(entry["service_id"], freed.staff_id, place, entry["seats"])], now)
            placed.append((entry, item))
            view = with_item(view, item)
    return placed


def _place(view: View, entry: DictRow, freed: Freed, now: datetime) -> datetime | None:
    """Return the first start at which an entry could come in freed time, or in some of it."""
    if entry["staff_ids"] is not None and freed.staff_id not in entry["staff_ids"]:
        return None
    if entry["service_id"] not in view.snapshot.service_index:
        return None
    for window in entry["windows"]:
        start, end = max(window.lower, freed.starts_at - LONGEST_VISIT), min(window.upper, freed.ends_at)
        if start >= end:
            continue
        found = find_slots(view.snapshot, SlotQuery(entry["service_id"], start, end, [freed.staff_id]), now)
        for begins, ends, left in zip(found.start, found.end, found.seats, strict=True):
            if left >= entry["seats"] and freed.starts_at < moment(ends) <= window.upper:
                return moment(begins)
    return None


async def _offer(tx: Transaction, entry: DictRow, item: claims.Item, minutes: int, tally: Tally) -> Offer:
    tally.check(item, entry["client_id"])
    held = claims.Appointment(uuid7(), "hold", "waitlist", client_id=entry["client_id"], hold_minutes=minutes)
    outcome = await claims.take(tx, held, [item])
    tally.add(item, entry["client_id"])
    offer = Offer(uuid7(), entry["id"], held.id, item.staff_id, item.starts_at, outcome["expires_at"])
    made = {"id": offer.id, "entry": offer.entry_id, "appointment": held.id, "expires_at": offer.expires_at}
    row = await tx.row(MAKE, made | {"business": tx.business_id})
    after = {
        "status": "offered",
        "offer_id": str(offer.id),
        "staff_id": str(item.staff_id),
        "starts_at": item.starts_at.isoformat(),
        "expires_at": offer.expires_at.isoformat(),
    }
    await record(tx, "waitlist.offered", offer.entry_id, (row or {})["version"], after=after)
    return offer


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The offer to accept, and who does."""

    offer_id: UUID
    by: Party = Party.CLIENT


@command
async def accept(tx: Transaction, request: Acceptance) -> Booking:
    """Turn an open offer into a booking of who waited; a client's is pending where a booking of theirs would be.

    Raises
    ------
    NotFound, NotAllowed, HoldExpired
        There is no such offer; it was answered already; it has run out.
    """
    offer = await _open_offer(tx, request.offer_id)
    change = claims.Change(
        offer["appointment_id"],
        AppointmentStatus.CONFIRMED,
        sources("confirm", request.by),
        release=False,
        client_id=offer["client_id"],
        asks_approval=request.by is Party.CLIENT,
    )
    changed = await claims.change(tx, change)
    if changed is None:
        raise HoldExpired(
            "The offer has run out and goes to the next in line; you keep waiting for the next free time."
        )
    await _close(tx, offer, "accepted", "placed", offer["appointment_id"])
    status = AppointmentStatus(changed.status)
    return Booking(offer["appointment_id"], status, changed.version, deposit_cents=changed.deposit_cents)


@command
async def decline(tx: Transaction, request: UUID) -> Booking:
    """Give an offer back; its entry goes on waiting, and the next in line is offered the time. Raises as `accept`."""
    offer = await _open_offer(tx, request)
    return await _give_back(tx, offer)


async def _give_back(tx: Transaction, offer: DictRow) -> Booking:
    """Release an open offer's hold; its entry waits again. Raises `HoldExpired`."""
    target = AppointmentStatus.RELEASED
    change = claims.Change(offer["appointment_id"], target, sources("release"), release=True)
    changed = await claims.change(tx, change)
    if changed is None:
        raise HoldExpired("The offer has run out.")
    await _close(tx, offer, "declined", "waiting")
    return Booking(offer["appointment_id"], target, changed.version)


@command
async def close(tx: Transaction, request: UUID) -> bool:
    """Close the offer whose hold (an appointment's id) has run out or was given back; returns whether there was one."""
    offer = await _read(tx, hold=request)
    if offer is None or offer["status"] != "open":
        return False
    await _close(tx, offer, "expired", "waiting")
    return True


async def _close(tx: Transaction, offer: DictRow, status: str, entry: str, appointment: UUID | None = None) -> None:
    own = {"business": tx.business_id, "id": offer["id"], "status": status, "entry": entry, "appointment": appointment}
    row = await tx.row(CLOSE, own)
    if row is not None:
        after = {"status": entry, "offer": status, "appointment_id": str(offer["appointment_id"])}
        topic = {"accepted": "waitlist.placed", "declined": "waitlist.declined", "expired": "waitlist.offer_expired"}
        await record(tx, topic[status], row["id"], row["version"], after=after)


async def withdraw(tx: Transaction, entry_id: UUID) -> None:
    """Close the open offer of an entry that is about to leave; its hold is given back unless it has run out."""
    offer = await _read(tx, entry=entry_id)
    if offer is None or offer["status"] != "open":
        return
    try:
        await _give_back(tx, offer)
    except HoldExpired:
        await _close(tx, offer, "expired", "waiting")


async def _read(tx: Transaction, **named: UUID) -> DictRow | None:
    """Return an offer by its `id`, its `hold` or its `entry`, the open one first; it and its entry are locked."""
    return await tx.row(READ, {"business": tx.business_id, "id": None, "hold": None, "entry": None, **named})


async def _open_offer(tx: Transaction, offer_id: UUID) -> DictRow:
    offer = await _read(tx, id=offer_id)
    if offer is None:
        raise NotFound("There is no such offer.")
    if offer["status"] != "open":
        raise NotAllowed(f"The offer was {offer['status']} already.")
    return offer
