"""The columns of one booking or one waiting entry: staff and start, rooms and devices, seats in a group."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from solver.book import Book, Booking, taken, uncounted, works
from solver.booked import unusual
from solver.clock import DAY
from solver.columns import Claims, Columns, Entry, Int, Intervals, Preference, preferred
from solver.limits import client_full
from solver.objective import Term
from solver.offers import offer_of
from solver.places import chain, days_waited, legal_places, opening_hours, stranded
from solver.services import Requirement
from solver.snapshot import Snapshot

Bool = NDArray[np.bool_]
Rooms = Mapping[Hashable, tuple[int, ...]]
FIRST_SESSION = -2
"""Sessions are lanes of their own, numbered downwards from here."""


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """One entry with its columns, what else they take, and their units; `wish` is what its client would accept."""

    entry: Entry
    wish: Entry
    lane: Int
    start: Int
    end: Int
    occupied_start: Int
    occupied_end: Int
    seat: Int
    units: Mapping[str, Int]
    also: tuple[tuple[Int, Int, Int], ...] = ()
    booking: Booking | None = None

    def take(self, rows: NDArray[np.intp] | Bool) -> "Offer":
        """The columns at some rows."""
        names = ("lane", "start", "end", "occupied_start", "occupied_end", "seat")
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in names},
            units={name: array[rows] for name, array in self.units.items()},
            also=tuple((lane[rows], start[rows], end[rows]) for lane, start, end in self.also),
        )

    def __len__(self) -> int:
        return len(self.start)

    def moved(self, b: Booking) -> Bool:
        """Columns at which the booking's client would notice a change."""
        changed: Bool = (self.lane != b.lane) | (self.start != b.start)
        return changed

    def crossed(self, choice: Sequence[int], since: Int, until: Int) -> "Offer":
        """Each column once with each of some rooms, taken from `since` to `until`."""
        count = len(self)
        rows = np.tile(np.arange(count), len(choice))
        room = np.repeat(np.array(choice, np.int64), count)
        wider = self.take(rows)
        return replace(wider, also=(*wider.also, (room, since[rows], until[rows])))


def of_booking(book: Book, b: Booking, now: datetime, thawed: int, rooms: Rooms) -> Offer:
    """Where a booking may go, at its own length: its place first, then what its client allowed after the frozen window.

    What else its visit holds moves along, exchanged for any of its choice; of the rooms that its service may use it
    takes any.
    """
    leaves = b.id in book.leaving
    row = book.free.durations[book.free.service_index[b.service]]
    others = np.flatnonzero(row).tolist() if b.staff is None else [i for i in b.staff if row[i]]
    staff = tuple(sorted({b.lane, *others} if b.lane >= 0 and row[b.lane] else set(others)))
    windows = tuple((max(opens, thawed), closes) for opens, closes in b.windows if closes > thawed)
    length = (b.end - b.start, b.start - b.occupied_start, b.occupied_end - b.end)
    takes = length if b.also else unusual(book.free, b.service, b.lane, length)
    around = ((b.start, b.start + DAY), *windows)
    wish = Entry(b.id, service=b.service, staff=staff, windows=around, client=b.client, booked=b.booked, takes=takes)
    wish = book.besides(wish)
    slots = legal_places(uncounted(book.free, [b]), wish, now)
    inside = [(slots.start >= opens) & (slots.end <= closes) for opens, closes in windows]
    slots = slots.take(np.any([slots.start == b.start, *inside], axis=0) & (slots.start >= thawed))
    choice = rooms.get(b.service, ())
    swaps = any(choices != (lane,) or lane in choice for (lane, _, _), choices, _ in b.parts)
    slots = slots.take((slots.start != b.start) | (slots.lane != b.lane))
    own = [1] if not leaves or (swaps and _still(book, b)) else []
    arrays = (slots.lane, slots.start, slots.end, slots.claim_start, slots.claim_end)
    place = (b.lane, b.start, b.end, b.occupied_start, b.occupied_end)
    lane, start, end, opens, closes = (np.append(a, np.full(len(own), v)) for a, v in zip(arrays, place, strict=True))
    entry = Entry(
        b.id,
        service=b.service,
        staff=staff if leaves else tuple(sorted({*staff, b.lane})),
        required=not leaves,
        place=(b.lane, b.start),
        client=b.client,
        moved_before=b.moved_before,
        prefers=b.prefers,
        also=tuple(sorted(b.also)),
        booked=wish.booked,
    )
    units = _moving(b, lane, start, leaves=leaves) | _liked(b.prefers, lane, start, end)
    offer = Offer(entry, replace(wish, windows=windows), lane, start, end, opens, closes, lane, units, (), b)
    return _lawful(book.free, book.fixed, _with_items(offer, b, choice, len(book.free.staff)))


def _still(book: Book, b: Booking) -> bool:
    """Whether the time of who must leave is there still, so that only what else they take has to be exchanged."""
    there = (b.lane, b.occupied_start, b.occupied_end)
    return works(book.free, b.lane, b.start, b.end) and not taken(book.fixed, *there)


def _with_items(offer: Offer, b: Booking, rooms: Sequence[int], staff: int) -> Offer:
    """The columns with the visit's further items, shifted along, each exchanged for any of its choice or the rooms."""
    for (lane, since, until), choice, _ in b.parts:
        shift = offer.start - b.start
        offer = offer.crossed(rooms if lane in rooms else choice, since + shift, until + shift)
    changed = [((now != lane) & (now < staff)) for (now, _, _), (lane, _, _) in zip(offer.also, b.also, strict=True)]
    units = {**offer.units}
    units[str(Term.STAFF_CHANGED)] = sum((c.astype(np.int64) for c in changed), units[str(Term.STAFF_CHANGED)])
    return replace(offer, units=units)


def _moving(b: Booking, lane: Int, start: Int, *, leaves: bool) -> dict[str, Int]:
    """What each place costs the client."""
    later, other = start != b.start, lane != b.lane
    return {
        str(Term.MOVES): later.astype(np.int64),
        str(Term.MINUTES_MOVED): np.abs(start - b.start),
        str(Term.STAFF_CHANGED): other.astype(np.int64),
        str(Term.MOVED_BEFORE): b.moved_before * (later | other).astype(np.int64),
        str(Term.RESEATED): np.full(len(start), int(leaves)),
    }


def _liked(prefers: Sequence[Preference], lane: Int, start: Int, end: Int) -> dict[str, Int]:
    return {str(Term.PREFERENCE): preferred(prefers, lane, start, end)} if prefers else {}


def _lawful(snapshot: Snapshot, fixed: Intervals, offer: Offer) -> Offer:
    """Columns whose further claims are clear of what is fixed and of each other, and inside hours where there are any.

    Whoever must leave cannot stay as they are; who need not, can.
    """
    b, hours = offer.booking, opening_hours(snapshot)
    if not offer.also and b is None:
        return offer
    good = np.ones(len(offer), bool)
    within = [(0, 0)] * len(offer.also) if b is None else [inside for _, _, inside in b.parts]
    for number, (lane, start, end) in enumerate(offer.also):
        over = (fixed.lane == lane[:, None]) & (fixed.start < end[:, None]) & (fixed.end > start[:, None])
        opens, closes = within[number]
        since, until = (start, end) if b is None else (opens + offer.start - b.start, closes + offer.start - b.start)
        inside = (hours.lane == lane[:, None]) & (hours.start <= since[:, None]) & (hours.end >= until[:, None])
        good &= ~over.any(axis=1) & (inside.any(axis=1) | (lane >= len(snapshot.lanes)))
        for other, since, until in offer.also[:number]:
            good &= ~((other == lane) & (since < end) & (until > start))
    if b is not None:
        same = [(lane == at) for (lane, _, _), (at, _, _) in zip(offer.also, b.also, strict=True)]
        stays = np.all([~offer.moved(b), *same], axis=0)
        good = good | stays if offer.entry.required else good & ~stays
    return offer.take(good)


def of_entry(
    snapshot: Snapshot,
    fixed: Intervals,
    entry: Entry,
    now: datetime,
    minute: int,
    rooms: Rooms | None = None,
    *,
    stranding: bool = False,
) -> Offer:
    """Where a waiting entry may go, in each of the rooms that its service can use, or into a group that has begun.

    With `stranding`, columns count the minutes that they leave too short to sell beside what is fixed.
    """
    slots = legal_places(snapshot, entry, now)
    arrays = (slots.lane, slots.start, slots.end, slots.claim_start, slots.claim_end)
    offer = _waiting(entry, minute, *arrays, slots.lane)
    if stranding:
        offer = replace(offer, units={**offer.units, str(Term.FRAGMENTS): stranded(snapshot, slots)})
    if rooms and entry.service in rooms:
        offer = offer.crossed(rooms[entry.service], offer.occupied_start, offer.occupied_end)
    offer = _lawful(snapshot, fixed, with_resources(snapshot, offer))
    joined = _waiting(entry, minute, *joins(snapshot, entry, minute))
    return both(offer, joined) if len(joined) else offer


def _waiting(entry: Entry, minute: int, lane: Int, start: Int, end: Int, opens: Int, closes: Int, seat: Int) -> Offer:
    units = {
        str(Term.WAITLIST): np.full(len(start), entry.priority * entry.seats),
        str(Term.WAITING): np.full(len(start), days_waited(entry, minute)),
        str(Term.EARLINESS): (start - minute) // 60,
    }
    units |= _liked(entry.prefers, lane, start, end)
    return Offer(entry, entry, lane, start, end, opens, closes, seat, units)


def with_resources(snapshot: Snapshot, offer: Offer) -> Offer:
    """The columns with each choice of the resources that the service requires."""
    first, seen = len(snapshot.staff), dict[Requirement, int]()
    for requirement in snapshot.services[snapshot.service_index[offer.entry.service]].requirements:
        choice = [first + i for i, (_, kind) in enumerate(snapshot.resources) if kind == requirement.kind]
        since = offer.start + requirement.after
        until = offer.end if requirement.length is None else since + requirement.length
        offer = offer.take(since < until).crossed(choice, since[since < until], until[since < until])
        if requirement in seen:  # the same two rooms the other way round are no other choice
            offer = offer.take(offer.also[-1][0] > offer.also[seen[requirement]][0])
        seen[requirement] = len(offer.also) - 1
    return offer


def joins(snapshot: Snapshot, entry: Entry, minute: int) -> tuple[Int, Int, Int, Int, Int, Int]:
    """Groups with seats left that an entry could join: lane, start, end, claim start and end, session."""
    row = snapshot.service_index[entry.service]
    service, windows = snapshot.services[row], entry.windows or ((snapshot.start, snapshot.end),)
    first = minute + service.minimum_notice
    found = [
        (lane, start, start + int(snapshot.durations[row, lane]), session)
        for session, lane, of, start, seats in sessions(snapshot)
        if of == row and seats >= entry.seats and lane in (entry.staff or ()) and start >= first
    ]
    inside = [f for f in found if any(opens <= f[1] and f[2] <= closes for opens, closes in windows)]
    places = np.array(inside, np.int64).reshape(-1, 4)
    sold = offer_of(snapshot, (entry.service, None, False))
    lane, start, end, seat = places[~client_full(snapshot, sold, places[:, 1], entry.booked)].T
    return lane, start, end, start - service.buffer_before, end + service.buffer_after, seat


def sessions(snapshot: Snapshot) -> list[tuple[int, int, int, int, int]]:
    """Every group that has begun to fill: (session, lane, index of the service, start, seats left)."""
    rows = [(lane.index, *row) for lane in snapshot.lanes for row in lane.sessions.tolist()]
    return [(FIRST_SESSION - i, lane, of, start, seats) for i, (lane, of, start, seats) in enumerate(rows)]


def seats_left(snapshot: Snapshot) -> dict[int, int]:
    """Seats left of each session."""
    return {session: seats for session, _, _, _, seats in sessions(snapshot) if seats > 0}


def both(first: Offer, second: Offer) -> Offer:
    """The columns of both; the second has no further claims."""
    nowhere = np.full(len(second), FIRST_SESSION + 1)
    return replace(
        first,
        lane=np.append(first.lane, second.lane),
        start=np.append(first.start, second.start),
        end=np.append(first.end, second.end),
        occupied_start=np.append(first.occupied_start, second.occupied_start),
        occupied_end=np.append(first.occupied_end, second.occupied_end),
        seat=np.append(first.seat, second.seat),
        units={
            name: np.append(array, second.units.get(name, np.zeros(len(second), np.int64)))
            for name, array in first.units.items()
        },
        also=tuple(
            (np.append(lane, nowhere), np.append(start, second.start), np.append(end, second.end))
            for lane, start, end in first.also
        ),
    )


def stacked(offers: Sequence[Offer], always: Sequence[str] = ()) -> tuple[Columns, Int, Claims, dict[str, Int]]:
    """All columns, where they take their time, their further claims, and units by term."""
    count = np.array([len(offer) for offer in offers], np.int64)
    first = np.cumsum(count) - count
    names = ("lane", "start", "end", "occupied_start", "occupied_end")
    columns = Columns.of(
        np.repeat(np.arange(len(offers)), count),
        *(chain([getattr(offer, name) for offer in offers]) for name in names),
    )
    terms = {
        name: chain([o.units.get(name, np.zeros(len(o), np.int64)) for o in offers])
        for name in sorted({*map(str, always), *(name for offer in offers for name in offer.units)})
    }
    rows = [(np.arange(len(o)) + at, *claim) for o, at in zip(offers, first, strict=True) for claim in o.also]
    column, lane, start, end = (chain([row[i] for row in rows]) for i in range(4))
    real = lane != FIRST_SESSION + 1
    claims = Claims(column[real].astype(np.int32), lane[real], start[real], end[real])
    return columns, chain([offer.seat for offer in offers]), claims, terms
