"""States of the things that live; an appointment's transitions in one table, with their commands and parties."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class AppointmentStatus(StrEnum):
    """The life of an appointment; a hold is its first state."""

    HOLD = "hold"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    DECLINED = "declined"
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

    RUNNING = "running"
    PLANNED = "planned"
    APPLIED = "applied"
    DISCARDED = "discarded"
    FAILED = "failed"


class MoveStatus(StrEnum):
    """The life of one planned move of a run."""

    PLANNED = "planned"
    APPLIED = "applied"
    STALE = "stale"
    DISCARDED = "discarded"


class Party(StrEnum):
    """Who acts on an appointment."""

    CLIENT = "client"
    STAFF = "staff"
    MANAGER = "manager"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Transition:
    """One legal step: the command that takes it, and who may. `source` None: the appointment begins with it."""

    source: AppointmentStatus | None
    target: AppointmentStatus
    command: str
    parties: frozenset[Party]


_S = AppointmentStatus
_HOUSE = frozenset({Party.STAFF, Party.MANAGER})
_CLIENT = frozenset({Party.CLIENT})
_ALL = frozenset(Party)
_SYSTEM = frozenset({Party.SYSTEM})

APPOINTMENT: tuple[Transition, ...] = (
    Transition(None, _S.HOLD, "hold", _ALL),
    Transition(None, _S.PENDING, "book", _CLIENT),
    Transition(None, _S.CONFIRMED, "book", _ALL),
    Transition(_S.HOLD, _S.PENDING, "confirm", _CLIENT),
    Transition(_S.HOLD, _S.CONFIRMED, "confirm", _ALL),
    Transition(_S.HOLD, _S.RELEASED, "release", _ALL),
    Transition(_S.HOLD, _S.EXPIRED, "expire", _SYSTEM),
    Transition(_S.PENDING, _S.CONFIRMED, "approve", _HOUSE),
    Transition(_S.PENDING, _S.CONFIRMED, "pay_deposit", _HOUSE | _SYSTEM),
    Transition(_S.PENDING, _S.CONFIRMED, "waive_deposit", _HOUSE),
    Transition(_S.PENDING, _S.DECLINED, "decline", _HOUSE),
    Transition(_S.PENDING, _S.CANCELLED, "cancel", _ALL),
    Transition(_S.PENDING, _S.EXPIRED, "lapse", _SYSTEM),
    Transition(_S.CONFIRMED, _S.CANCELLED, "cancel", _ALL),
    Transition(_S.CONFIRMED, _S.PENDING, "reschedule", _CLIENT),
    Transition(_S.CONFIRMED, _S.CHECKED_IN, "check_in", _HOUSE),
    Transition(_S.CONFIRMED, _S.NO_SHOW, "no_show", _HOUSE | _SYSTEM),
    Transition(_S.CHECKED_IN, _S.CANCELLED, "cancel", _HOUSE),
    Transition(_S.CHECKED_IN, _S.COMPLETED, "complete", _HOUSE | _SYSTEM),
)
"""Every legal transition of an appointment; `docs/states.md` is drawn from it."""

LIVE = (_S.HOLD, _S.PENDING, _S.CONFIRMED, _S.CHECKED_IN, _S.COMPLETED)
"""States in which an appointment keeps its lane time."""
MOVABLE = (_S.PENDING, _S.CONFIRMED)
"""States in which an appointment may be given another time."""


def sources(command: str, party: Party | None = None) -> list[str]:
    """Return the states from which a command may be given (by a party), for the WHERE of an UPDATE."""
    found = {t.source for t in APPOINTMENT if t.command == command and (party is None or party in t.parties)}
    return sorted(state.value for state in found if state is not None)


def one_of(values: Iterable[StrEnum]) -> str:
    """Return states as the SQL of a list, quoted."""
    return ", ".join(f"'{value.value}'" for value in values)
