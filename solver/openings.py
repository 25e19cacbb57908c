"""What would open a slot: the smallest changes to a question, or to the rules, that give it an answer."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from solver.clock import DAY, epoch_minute, moment
from solver.services import Service
from solver.slots import MAXIMUM_RANGE_DAYS, SlotQuery, Slots, find_slots
from solver.snapshot import Snapshot


class Change(StrEnum):
    """What a relaxation changes."""

    STAFF = "staff"
    BUFFER = "buffer"
    RESOURCE = "resource"
    LATER = "later"
    EARLIER = "earlier"
    NOTICE = "notice"
    ADVANCE = "advance"
    WINDOW = "window"
    SERVICE_LIMIT = "service_limit"
    STAFF_LIMIT = "staff_limit"
    CLIENT_LIMIT = "client_limit"
    APPOINTMENT_ONLY = "appointment_only"


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A change that opens a slot, and the slot that it opens.

    Attributes
    ----------
    change : Change
    minutes : int
        For BUFFER and NOTICE, by how many minutes less, for ADVANCE how many more; 0 for the others.
    staff : id
    start : int
        Epoch minute of the slot opened.
    kind : id, optional
        For RESOURCE, of which kind the visit would do without.
    """

    change: Change
    minutes: int
    staff: Hashable
    start: int
    kind: Hashable = None


def relaxations(snapshot: Snapshot, query: SlotQuery, now: datetime) -> Iterator[Relaxation]:
    """Yield each change that opens a slot, the smallest first; every one is found by the finder itself.

    Lazy: who wants the smallest alone takes the first. Raises as `find_slots`.
    """
    service = snapshot.services[snapshot.service_index[query.service]]
    if query.staff is not None:
        yield from _opened(find_slots(snapshot, replace(query, staff=None), now), Change.STAFF)
    yield from _less_buffer(snapshot, query, now, service)
    yield from _without_a_kind(snapshot, query, now, service)
    yield from _another_day(snapshot, query, now)
    yield from _nearer_or_further(snapshot, query, now, service)
    yield from _other_rules(snapshot, query, now, service)


def _less_buffer(snapshot: Snapshot, query: SlotQuery, now: datetime, service: Service) -> Iterator[Relaxation]:
    """Yield the slot that needs the fewest minutes less of buffer, taken from after the visit first."""
    whole = service.buffer_before + service.buffer_after
    for less in range(5, whole + 5, 5):
        after = max(service.buffer_after - less, 0)
        before = max(service.buffer_before - max(less - service.buffer_after, 0), 0)
        relaxed = _with_service(snapshot, replace(service, buffer_before=before, buffer_after=after))
        found = find_slots(relaxed, query, now)
        if len(found):
            yield from _opened(found, Change.BUFFER, minutes=whole - before - after)
            return


def _without_a_kind(snapshot: Snapshot, query: SlotQuery, now: datetime, service: Service) -> Iterator[Relaxation]:
    for kind in dict.fromkeys(requirement.kind for requirement in service.requirements):
        others = tuple(r for r in service.requirements if r.kind != kind)
        found = find_slots(_with_service(snapshot, replace(service, requirements=others)), query, now)
        for relaxation in _opened(found, Change.RESOURCE):
            yield replace(relaxation, kind=kind)


def _another_day(snapshot: Snapshot, query: SlotQuery, now: datetime) -> Iterator[Relaxation]:
    range_limit = timedelta(days=MAXIMUM_RANGE_DAYS)
    later = replace(query, start=query.end, end=query.end + range_limit)
    yield from _opened(find_slots(snapshot, later, now), Change.LATER)
    if query.start > now:
        earlier = replace(query, start=max(now, query.start - range_limit), end=query.start)
        yield from _opened(find_slots(snapshot, earlier, now), Change.EARLIER, last=True)


def _nearer_or_further(snapshot: Snapshot, query: SlotQuery, now: datetime, service: Service) -> Iterator[Relaxation]:
    minute = epoch_minute(now, up=True)
    if service.minimum_notice:
        without = _with_service(snapshot, replace(service, minimum_notice=0))
        for relaxation in _opened(find_slots(without, query, now), Change.NOTICE, last=True):
            missing = minute + service.minimum_notice - relaxation.start
            yield replace(relaxation, minutes=max(missing, 0))
    beyond = replace(service, maximum_advance=service.maximum_advance + snapshot.days)
    for relaxation in _opened(find_slots(_with_service(snapshot, beyond), query, now), Change.ADVANCE):
        more = relaxation.start - minute - service.maximum_advance * DAY
        yield replace(relaxation, minutes=-(-more // DAY) * DAY)


def _other_rules(snapshot: Snapshot, query: SlotQuery, now: datetime, service: Service) -> Iterator[Relaxation]:
    """Yield what opens where one rule is dropped; rules that the service does not have are not tried."""
    rules: tuple[tuple[Change, bool, Callable[[], tuple[Snapshot, SlotQuery]]], ...] = (
        (
            Change.WINDOW,
            bool(service.windows or service.first_date or service.last_date),
            lambda: (_with_service(snapshot, replace(service, windows=(), first_date=None, last_date=None)), query),
        ),
        (
            Change.SERVICE_LIMIT,
            (service.daily_limit, service.weekly_limit) != (None, None),
            lambda: (_with_service(snapshot, replace(service, daily_limit=None, weekly_limit=None)), query),
        ),
        (Change.STAFF_LIMIT, bool(snapshot.limits), lambda: (replace(snapshot, limits={}), query)),
        (Change.CLIENT_LIMIT, bool(query.client_booked), lambda: (snapshot, replace(query, client_booked=()))),
        (Change.APPOINTMENT_ONLY, not query.by_staff, lambda: (snapshot, replace(query, by_staff=True))),
    )
    for change, used, relaxed in rules:
        if used:
            yield from _opened(find_slots(*relaxed(), now), change)


def _with_service(snapshot: Snapshot, service: Service) -> Snapshot:
    services = tuple(service if s.id == service.id else s for s in snapshot.services)
    return replace(snapshot, services=services)


def _opened(found: Slots, change: Change, *, minutes: int = 0, last: bool = False) -> Iterator[Relaxation]:
    if len(found):
        row = -1 if last else 0
        yield Relaxation(change, minutes, found.snapshot.staff[found.lane[row]], int(found.start[row]))


def sentence(relaxation: Relaxation, snapshot: Snapshot, names: dict[Hashable, str] | None = None) -> str:
    """Return a relaxation in words, its time in the business's zone."""
    local = moment(relaxation.start).astimezone(snapshot.zone)
    who = (names or {}).get(relaxation.staff, str(relaxation.staff))
    kind = (names or {}).get(relaxation.kind, str(relaxation.kind))
    place = f"{local:%a %d %b %H:%M} with {who}"
    words = {
        Change.STAFF: f"With any staff member: {place}.",
        Change.BUFFER: f"With {relaxation.minutes} minutes less buffer: {place}.",
        Change.RESOURCE: f"Without a {kind}: {place}.",
        Change.LATER: f"From {local:%A %d %B} on: {place}.",
        Change.EARLIER: f"Earlier, on {local:%A %d %B}: {place}.",
        Change.NOTICE: f"With {relaxation.minutes} minutes less notice: {place}.",
        Change.ADVANCE: f"With booking open {relaxation.minutes // DAY} days further ahead: {place}.",
        Change.WINDOW: f"Outside the service's dates and times: {place}.",
        Change.SERVICE_LIMIT: f"With more visits of the service allowed: {place}.",
        Change.STAFF_LIMIT: f"With more appointments allowed for {who}: {place}.",
        Change.CLIENT_LIMIT: f"With more visits allowed for the client: {place}.",
        Change.APPOINTMENT_ONLY: f"In time kept for appointments made by staff: {place}.",
    }
    return words[relaxation.change]
