"""The slot finder: a pure function of a snapshot, a query and the present moment."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from solver.clock import epoch_minute
from solver.errors import InvalidProblem
from solver.found import Slots
from solver.offers import Offer, key_type, offer_of, starts_between
from solver.rules import Claimed, freed, others_of, ruled
from solver.snapshot import Snapshot
from solver.starts import Keys

__all__ = ["MAXIMUM_RANGE_DAYS", "Claimed", "SlotQuery", "Slots", "find_slots", "legal_starts"]

MAXIMUM_RANGE_DAYS = 62
_LONGEST = timedelta(days=MAXIMUM_RANGE_DAYS + 1)
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class SlotQuery:
    """Which starts are wanted.

    Parameters
    ----------
    service : id
    start, end : datetime
        Aware; a slot starts in [start, end), at most 62 days.
    staff : sequence of ids, optional
        Who may do it; None: anyone allocated.
    by_staff : bool
        Staff are asking: time for appointments only counts as open.
    reschedule : sequence of Claimed
        The claims of the appointment that is to be moved: their time counts as free.
    client_booked : sequence of datetime
        When the client has booked this service, for its limits on one client.
    """

    service: Hashable
    start: datetime
    end: datetime
    staff: Sequence[Hashable] | None = None
    by_staff: bool = False
    reschedule: Sequence[Claimed] = ()
    client_booked: Sequence[datetime] = ()

    def __post_init__(self) -> None:
        try:
            naive = self.start.tzinfo is None or self.end.tzinfo is None
            naive = naive or any(at.tzinfo is None for at in self.client_booked)
        except AttributeError:
            raise InvalidProblem("the times of a query are aware datetimes") from None
        if naive:
            raise InvalidProblem("the times of a query need an offset")
        if not (length := self.end - self.start) > _NOTHING:
            raise InvalidProblem("a query ends after it starts")
        if length >= _LONGEST:
            raise InvalidProblem(f"a query spans at most {MAXIMUM_RANGE_DAYS} days")
        if self.staff is not None:
            if isinstance(self.staff, str) or not isinstance(self.staff, Iterable):
                raise InvalidProblem(f"a query names a sequence of staff, not {self.staff!r} alone")
            object.__setattr__(self, "staff", tuple(self.staff))


def find_slots(snapshot: Snapshot, query: SlotQuery, now: datetime) -> Slots:
    """Return every legal start in the query's range.

    Raises
    ------
    InvalidProblem
        Unknown service or staff member, `now` without an offset.
    """
    if query.reschedule:
        snapshot = freed(snapshot, query.reschedule)
    offer = offer_of(snapshot, (query.service, query.staff, query.by_staff))  # type: ignore[arg-type]
    base = snapshot.start
    minute = epoch_minute(now, up=True) - base
    lo = max(epoch_minute(query.start, up=True) - base, minute + offer.notice)
    hi = min(epoch_minute(query.end, up=True) - base, minute + offer.advance + 1)
    keys = starts_between(snapshot, offer.shape, lo, hi)
    if offer.plain:
        return Slots(snapshot, offer, keys)
    return ruled(snapshot, offer, keys, (lo, hi), others_of(query.client_booked, query.service, query.reschedule))


def legal_starts(
    snapshot: Snapshot,
    service: Hashable,
    windows: Sequence[tuple[datetime, datetime]],
    now: datetime,
    staff: Sequence[Hashable] | None = None,
    client_booked: Sequence[int] = (),
) -> Slots:
    """Return every legal start whose visit lies wholly inside one of the windows (aware, half-open).

    Groups that others are in are left out; `client_booked` as in a query, in epoch minutes. Raises as `find_slots`.
    """
    offer = offer_of(snapshot, (service, None if staff is None else tuple(staff), False))
    base = snapshot.start
    minute = epoch_minute(now, up=True) - base
    parts: list[Keys] = []
    for opens, closes in windows:
        end = epoch_minute(closes) - base
        lo = max(epoch_minute(opens, up=True) - base, minute + offer.notice)
        keys = starts_between(snapshot, offer.shape, lo, min(end, minute + offer.advance + 1))
        parts.append(_ended(keys, offer, end, len(snapshot.staff)))
    keys = parts[0] if len(parts) == 1 else np.unique(np.concatenate([np.empty(0, key_type(snapshot)), *parts]))
    return Slots(snapshot, offer, keys) if offer.plain else ruled(snapshot, offer, keys, None, client_booked)


def _ended(keys: Keys, offer: Offer, end: int, width: int) -> Keys:
    """Return the starts whose visit ends by a minute."""
    if offer.shape.duration is not None:
        return keys[: np.searchsorted(keys, keys.dtype.type(max((end - offer.shape.duration + 1) * width, 0)))]
    minute, lane = np.divmod(keys, width)
    return keys[minute + offer.durations[lane] <= end]
