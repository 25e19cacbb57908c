"""What travels in request bodies: closed objects, times with an offset, nothing coerced."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from models.contact import ADDRESS, ONE_LINE, PHONE, SOME_LINES
from models.optimisation import LONGEST_SEARCH, RunKind, StaffAllowed
from service.commands.catalogue import Span


def _from_text(value: object) -> object:
    # Pydantic would read 1 or "1" as seconds since 1970; a booking never means that.
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or "T" not in value:
        raise ValueError("a time is written like 2026-03-01T09:00:00+01:00")
    return value


def _date_from_text(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and len(value) == 10):
        return value
    raise ValueError("a date is written like 2026-03-01")


def _from_digits(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("a number is written in digits")
    return value


def _in_reach(value: datetime) -> datetime:
    if not FIRST_DAY.year < value.year < LAST_DAY.year:
        raise ValueError(f"a time lies after {FIRST_DAY.year} and before {LAST_DAY.year}")
    return value


FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(9000, 1, 1)
"""Within these, every time zone's midnight and every sum of minutes is a time."""
Instant = Annotated[AwareDatetime, BeforeValidator(_from_text), AfterValidator(_in_reach)]
"""A moment: RFC 3339 with its offset."""
Day = Annotated[date, BeforeValidator(_date_from_text), Field(ge=FIRST_DAY, le=LAST_DAY)]
"""A local date, 2026-03-02."""
Digits = Annotated[int, BeforeValidator(_from_digits)]
"""A number in a query: digits alone."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254, pattern=ADDRESS)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=PHONE)]
Zone = Annotated[str, StringConstraints(max_length=64)]
Limit = Annotated[int, Field(ge=1, le=32767, strict=True)]
Kind = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=ONE_LINE)]
Note = Annotated[str, StringConstraints(max_length=500, pattern=SOME_LINES)]


class Body(BaseModel):
    """A request body: unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


class ClientBody(Body):
    """A client to register."""

    name: Name
    email: Email | None = None
    phone: Phone | None = None


HoldMinutes = Annotated[int, Field(ge=1, le=60, strict=True)]
Seats = Annotated[int, Field(ge=1, le=1000, strict=True)]


class ItemBody(Body):
    """One more item of the same booking."""

    service_id: UUID
    staff_id: UUID
    starts_at: Instant
    seats: Seats = 1


class HoldBody(ItemBody):
    """A time to hold, `more` items held with it, and whatever tells one client from another, to count holds by."""

    minutes: HoldMinutes = 5
    more: Annotated[tuple[ItemBody, ...], Field(max_length=9)] = ()
    client_key: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ONE_LINE)] | None = None


class ExtensionBody(Body):
    """For how many minutes from now."""

    minutes: HoldMinutes = 5


class WindowBody(Body):
    """A window of time, half-open."""

    start: Instant
    end: Instant


class AllowanceBody(Body):
    """What a booked client allows; null leaves a thing to the business's rules.

    The visit may move wholly inside one of `windows`, with the `same` staff member, `any` allocated, or those `named`
    in `staff_ids`. A `locked` one never moves.
    """

    windows: Annotated[list[WindowBody], Field(min_length=1, max_length=62)] | None = None
    staff: StaffAllowed | None = None
    staff_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    locked: Annotated[bool, Field(strict=True)] = False


class BookingBody(Body):
    """A booking: of a hold (`hold_id` with its `token`), or at once (service, staff and start).

    It is for a known client, or for a new one who says who they are (then only of a hold).
    """

    client_id: UUID | None = None
    client: ClientBody | None = None
    hold_id: UUID | None = None
    token: Annotated[str, StringConstraints(max_length=200, pattern=ONE_LINE)] | None = None
    service_id: UUID | None = None
    staff_id: UUID | None = None
    starts_at: Instant | None = None
    allowance: AllowanceBody | None = None
    seats: Seats = 1
    more: Annotated[tuple[ItemBody, ...], Field(max_length=9)] = ()


class AskBody(Body):
    """A booking asked for, to be answered later."""

    client_id: UUID
    service_id: UUID
    staff_id: UUID
    starts_at: Instant
    seats: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1


class RescheduleBody(Body):
    """Another start, another staff member, or both."""

    starts_at: Instant | None = None
    staff_id: UUID | None = None


class SwapBody(Body):
    """The booking to change places with, and the version that it must have, if any."""

    booking_id: UUID
    version: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)] | None = None


class NoShowRulesBody(Body):
    """After how many missed visits (null: never), and the deposit that is due then (null: approval is needed)."""

    threshold: Annotated[int, Field(ge=1, le=1000, strict=True)] | None
    deposit_cents: Annotated[int, Field(ge=1, le=100_000_000, strict=True)] | None = None


class CancelBody(Body):
    """Why a booking is cancelled, if anybody says."""

    reason: Note | None = None


class WaitlistBody(Body):
    """Who waits for what, and when they could come; `seats` are how many come together, in one group."""

    client_id: UUID
    service_id: UUID
    windows: Annotated[list[WindowBody], Field(min_length=1, max_length=62)]
    staff_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    priority: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    seats: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1


class RunBody(Body):
    """What to optimise: the days (local dates, the last one included, at most 62), how, and for how long.

    `seconds` is left to the business's rules where it is null; `alternatives` plans the other policies beside it.
    """

    first_day: Day
    last_day: Day
    kind: RunKind = RunKind.WAITLIST
    policy: Literal["gentle", "balanced", "full"] = "balanced"
    seconds: Annotated[int, Field(ge=1, le=LONGEST_SEARCH, strict=True)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)] = 0
    alternatives: Annotated[bool, Field(strict=True)] = False


class ApplyBody(Body):
    """Which moves to accept; null accepts all. Moves of one component go together."""

    moves: Annotated[list[UUID], Field(max_length=10_000)] | None = None


class RulesBody(Body):
    """The business's rules for the optimiser; what is left out returns to its default."""

    minutes: Annotated[int, Field(ge=0, le=1440, strict=True)] = 60
    staff: Literal["same", "any"] = "same"
    frozen_hours: Annotated[int, Field(ge=0, le=744, strict=True)] = 24
    moves_a_client: Annotated[int, Field(ge=0, le=10_000, strict=True)] | None = None
    moves_a_day: Annotated[int, Field(ge=0, le=10_000, strict=True)] | None = None
    reseat_days: Annotated[int, Field(ge=0, le=31, strict=True)] = 3
    seconds: Annotated[int, Field(ge=1, le=LONGEST_SEARCH, strict=True)] = 60


class SpanBody(Body):
    """Working hours in wall minutes of the local day, half-open; `closes` may pass 1440."""

    opens: Annotated[int, Field(ge=0, lt=1440, strict=True)]
    closes: Annotated[int, Field(gt=0, le=2880, strict=True)]


class DayBody(Body):
    """The hours of one date; an empty list closes it, null returns to the weekly hours.

    What is `appointment_only` clients do not see. `displace` accepts bookings left outside.
    """

    spans: Annotated[list[SpanBody], Field(max_length=12)] | None
    appointment_only: Annotated[tuple[SpanBody, ...], Field(max_length=12)] = ()
    displace: Annotated[bool, Field(strict=True)] = False


class WeeklySpanBody(SpanBody):
    """Weekly working hours on a weekday, 0 = Monday."""

    weekday: Annotated[int, Field(ge=0, le=6, strict=True)]


WeeklySpans = Annotated[tuple[WeeklySpanBody, ...], Field(max_length=84)]


def weekly(spans: tuple[WeeklySpanBody, ...]) -> tuple[Span, ...]:
    """Return weekly hours as commands take them."""
    return tuple(Span(span.weekday, span.opens, span.closes) for span in spans)
