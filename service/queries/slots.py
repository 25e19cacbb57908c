"""Slots: the finder over a fresh view, as rows that travel."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import count, repeat
from secrets import token_hex
from uuid import UUID
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import orjson

from models.errors import InvalidInput, NotFound
from service.db.views import View
from solver.clock import DAY, epoch_minute, moment
from solver.errors import InvalidProblem
from solver.slots import MAXIMUM_RANGE_DAYS, SlotQuery, Slots, find_slots
from solver.snapshot import Snapshot
from solver.suggestions import rank
from solver.whynot import sentence, why_not

LAST_YEAR = 9000
"""Later than anybody books; later still, local midnights leave the calendar."""


@dataclass(frozen=True, slots=True)
class SlotsWanted:
    """A question to the finder: which starts in [start, end), by anyone allocated or one of `staff_ids`.

    With `by_staff` the blocks that only staff may book count as open. `client_booked` is when the client comes for the
    service already, for its limits on one client. `seats` are wanted at once, where the service is for groups.
    """

    service_id: UUID
    start: datetime
    end: datetime
    staff_ids: tuple[UUID, ...] | None = None
    by_staff: bool = False
    client_booked: tuple[datetime, ...] = ()
    seats: int = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """A time on offer: with whom, in which rooms, and for a group how many seats are left.

    `score` ranks suggestions: higher is better, None where slots are listed by time.
    """

    staff_id: UUID
    staff: str
    starts_at: datetime
    ends_at: datetime
    score: float | None = None
    seats_left: int | None = None
    resources: tuple[str, ...] = ()


def check_range(start: datetime, end: datetime) -> None:
    """Raise `InvalidInput` unless start < end and they are at most 62 days apart."""
    if not timedelta(0) < end - start <= timedelta(days=MAXIMUM_RANGE_DAYS):
        raise InvalidInput(f"The range ends after it starts and spans at most {MAXIMUM_RANGE_DAYS} days.")


def find(view: View, wanted: SlotsWanted, now: datetime, *, limit: int, ranked: bool = False) -> list[Slot]:
    """Return the first `limit` slots by time, or the best of them.

    Raises
    ------
    NotFound
        No such service or staff member.
    InvalidInput
        The range is empty, too long or without an offset.
    """
    return _rows(view, *_found(view, wanted, now, limit, ranked=ranked))


def written(view: View, wanted: SlotsWanted, now: datetime, *, limit: int, ranked: bool = False) -> bytes:
    """Return what `find` does as JSON, written from the arrays; raises as `find`."""
    slots, scores = _found(view, wanted, now, limit, ranked=ranked)
    heads = _form_of(view).heads
    if scores is None and slots.offer.plain:
        rows = _plain(slots, heads)
    else:
        rows = [
            f'{heads[lane]}{instant(start)}","ends_at":"{instant(end)}",{more}'
            for lane, start, end, more in zip(
                slots.lane.tolist(), slots.start.tolist(), slots.end.tolist(), _more(view, slots, scores), strict=True
            )
        ]
    return f"[{','.join(rows)}]".encode()


def _plain(slots: Slots, heads: Sequence[str]) -> list[str]:
    """Return the rows of slots without scores, seats or rooms."""
    # Of a page's few keys plain numbers are made sooner than columns: between requests numpy's code leaves the caches.
    width, base, lengths = len(slots.snapshot.staff) or 1, slots.snapshot.start, slots.offer.durations.tolist()
    places = [divmod(key, width) for key in slots.keys.tolist()]
    return [heads[lane] + _times(base + minute, lengths[lane]) for minute, lane in places]


@lru_cache(maxsize=2**15)
def _times(start: int, length: int) -> str:
    """Return the rest of a plain row: staff often share starts, and so do the pages of one week."""
    return f'{instant(start)}","ends_at":"{instant(start + length)}","score":null,"seats_left":null,"resources":[]}}'


def version(view: View, wanted: SlotsWanted, now: datetime, *, limit: int, ranked: bool = False) -> str:
    """Return what names `written`'s bytes: another at another snapshot, query, or moment that makes a difference."""
    snapshot, minute = view.snapshot, epoch_minute(now, up=True)
    service = snapshot.services[snapshot.service_index[wanted.service_id]]
    first = max(epoch_minute(wanted.start, up=True), minute + service.minimum_notice)
    last = min(epoch_minute(wanted.end, up=True), minute + service.maximum_advance * DAY + 1)
    asked = (wanted.service_id, wanted.staff_ids, wanted.by_staff, wanted.client_booked, limit)
    return f"{_form_of(view).version}-{hash((asked, first, last, minute if ranked else None)) & 2**64 - 1:x}"


@dataclass(frozen=True, slots=True)
class _Form:
    """How one snapshot's slots are written: a name of its own, and how the row of each lane begins."""

    version: str
    heads: tuple[str, ...]


_forms: WeakKeyDictionary[Snapshot, _Form] = WeakKeyDictionary()
_versions = map("{}.{:x}".format, repeat(token_hex(6)), count())


def _form_of(view: View) -> _Form:
    form = _forms.get(view.snapshot)
    if form is None:
        names = (orjson.dumps({"staff_id": info.id, "staff": info.name}).decode() for info in view.lanes.values())
        form = _Form(next(_versions), tuple(f'{name[:-1]},"starts_at":"' for name in names))
        _forms[view.snapshot] = form
    return form


@lru_cache(maxsize=2**16)
def instant(minute: int) -> str:
    """Return an epoch minute as RFC 3339 has it, in UTC."""
    return moment(minute).strftime("%Y-%m-%dT%H:%M:%SZ")


def _more(view: View, slots: Slots, scores: list[float] | None) -> Iterator[str]:
    """Yield the rest of each row: score, seats, resources."""
    for row in _rows(view, slots, scores):
        rest = {"score": row.score, "seats_left": row.seats_left, "resources": row.resources}
        yield orjson.dumps(rest).decode()[1:]


def _found(
    view: View, wanted: SlotsWanted, now: datetime, limit: int, *, ranked: bool
) -> tuple[Slots, list[float] | None]:
    found = seated(view, wanted, now)
    if not ranked:
        return found.take(slice(None, limit)), None
    ranking = rank(found, limit)
    return ranking.slots, ranking.score.tolist()


def seated(view: View, wanted: SlotsWanted, now: datetime) -> Slots:
    """Return the slots that have all the seats wanted; raises as `find`."""
    found = find_slots(view.snapshot, query_of(view, wanted), now)
    return found if wanted.seats == 1 else found.take(found.seats >= wanted.seats)


@dataclass(frozen=True, slots=True)
class DayOfSlots:
    """One local date: how many starts are free, and the first of them; none where it is full or closed."""

    day: date
    free: int
    first: datetime | None


def whole_days(
    service_id: UUID, first_day: date, last_day: date, zone: ZoneInfo, staff_ids: Sequence[UUID] | None
) -> SlotsWanted:
    """Return the question for whole local dates, the last one included; raises `InvalidInput` beyond 62 days."""
    span = local_days(first_day, last_day, zone)
    return SlotsWanted(service_id, *span, None if staff_ids is None else tuple(staff_ids))


def local_days(first_day: date, last_day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return from when until when some local dates are, the last one included; raises as `whole_days`."""
    if not 0 <= (last_day - first_day).days < MAXIMUM_RANGE_DAYS or last_day.year > LAST_YEAR:
        raise InvalidInput(f"The last day comes after the first, within {MAXIMUM_RANGE_DAYS} days.")
    start = datetime.combine(first_day, datetime.min.time(), zone)
    return start, datetime.combine(last_day + timedelta(days=1), datetime.min.time(), zone)


def by_day(
    view: View, wanted: SlotsWanted, now: datetime, first_day: date, last_day: date, zone: ZoneInfo
) -> list[DayOfSlots]:
    """Return every local date of a range in a zone, for a week strip or a month; raises as `find`."""
    found = seated(view, wanted, now).by_day(zone)
    days = (first_day + timedelta(days=i) for i in range((last_day - first_day).days + 1))
    counted = []
    for day in days:
        starts = {int(start) for start in found[day].start} if day in found else set()
        counted.append(DayOfSlots(day, len(starts), moment(min(starts)).astimezone(zone) if starts else None))
    return counted


@dataclass(frozen=True, slots=True)
class WhyNone:
    """Why a question finds nothing or little: candidates by what ruled them out, and what would open a slot."""

    candidates: int
    free: int
    ruled_out: dict[str, int]
    relaxations: tuple[str, ...]


def why_none(view: View, wanted: SlotsWanted, now: datetime) -> WhyNone:
    """Return why a question finds nothing or little; raises as `find`."""
    told = why_not(view.snapshot, query_of(view, wanted), now)
    names: dict[Hashable, str] = {info.id: info.name for info in view.lanes.values()}
    words = tuple(sentence(relaxation, view.snapshot, names) for relaxation in told.relaxations)
    return WhyNone(told.candidates, told.free, {k.value: n for k, n in told.ruled_out.items()}, words)


def query_of(view: View, wanted: SlotsWanted) -> SlotQuery:
    """Return the finder's query; raises as `find`."""
    check_range(wanted.start, wanted.end)
    snapshot = view.snapshot
    if wanted.service_id not in snapshot.service_index:
        raise NotFound("There is no such service.")
    if any(member not in snapshot.staff_index for member in wanted.staff_ids or ()):
        raise NotFound("There is no such staff member.")
    try:
        return SlotQuery(
            wanted.service_id,
            wanted.start,
            wanted.end,
            wanted.staff_ids,
            by_staff=wanted.by_staff,
            client_booked=wanted.client_booked,
        )
    except InvalidProblem as error:
        raise InvalidInput(str(error)) from error


def _rows(view: View, slots: Slots, scores: list[float] | None = None) -> list[Slot]:
    infos = list(view.lanes.values())
    seats = slots.seats.tolist() if slots.service.seats > 1 else repeat(None)
    rooms = slots.resources.tolist() if slots.service.requirements else repeat(())
    columns = (slots.lane.tolist(), slots.start.tolist(), slots.end.tolist(), scores or repeat(None), seats, rooms)
    return [
        Slot(
            infos[lane].id,
            infos[lane].name,
            moment(start),
            moment(end),
            score,
            left,
            tuple(infos[room].name for room in of_slot if room >= 0),
        )
        for lane, start, end, score, left, of_slot in zip(*columns, strict=False)
    ]
