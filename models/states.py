"""States of the things that live, each with its legal transitions in one table."""

from collections.abc import Mapping
from enum import StrEnum


class AppointmentStatus(StrEnum):
    """The life of an appointment; a hold is its first state."""

    HOLD = "hold"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RELEASED = "released"


class EntryStatus(StrEnum):
    """The life of a waitlist entry."""

    WAITING = "waiting"
    OFFERED = "offered"
    PLACED = "placed"
    LEFT = "left"


class OfferStatus(StrEnum):
    """The life of an offer made to a waitlist entry."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


class RunStatus(StrEnum):
    """The life of an optimisation run."""

    PLANNED = "planned"
    APPLIED = "applied"
    DISCARDED = "discarded"


class MoveStatus(StrEnum):
    """The life of one planned move of a run."""

    PLANNED = "planned"
    APPLIED = "applied"
    STALE = "stale"
    DISCARDED = "discarded"


APPOINTMENT: Mapping[AppointmentStatus, frozenset[AppointmentStatus]] = {
    AppointmentStatus.HOLD: frozenset(
        {AppointmentStatus.CONFIRMED, AppointmentStatus.EXPIRED, AppointmentStatus.RELEASED}
    ),
    AppointmentStatus.CONFIRMED: frozenset({AppointmentStatus.CANCELLED}),
    AppointmentStatus.CANCELLED: frozenset(),
    AppointmentStatus.EXPIRED: frozenset(),
    AppointmentStatus.RELEASED: frozenset(),
}
"""Legal transitions of an appointment: from the key to any of its values."""


def sources(target: AppointmentStatus) -> list[str]:
    """Return the states from which `target` may be entered, for the WHERE of an UPDATE."""
    return sorted(state.value for state, targets in APPOINTMENT.items() if target in targets)
