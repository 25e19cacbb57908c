"""Bookings of a calendar file (RFC 5545) as rows of the table that `imports` takes over."""

from datetime import datetime
from typing import Any

from icalendar import Calendar, Component

from models.errors import InvalidInput

Row = dict[str, str] | InvalidInput
"""The cells of a row by column, or what is wrong with it."""


def rows_of(text: str) -> list[tuple[int, Row]]:
    """Return each event's line with its cells, or with what is wrong with it; cancelled ones are left out.

    The service is the event's CATEGORIES, the staff member its RESOURCES, the client its ATTENDEE or CONTACT; what is
    missing there is read from a SUMMARY such as ``Cut: Maria Costa with Ana``. `queries.exports` writes all of them.

    Raises
    ------
    InvalidInput
        The text is no calendar.
    """
    try:
        events = Calendar.from_ical(text).walk("VEVENT")
    except ValueError as error:
        raise InvalidInput(f"The file is no calendar: {str(error)[:200]}.") from error
    # The parser keeps the order of events, and not where they stood.
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip().upper() == "BEGIN:VEVENT"]
    if len(events) != len(lines):
        raise InvalidInput("The file is no calendar: an event stands inside something else.")
    placed = zip(lines, events, strict=True)
    return [(line, _row(event)) for line, event in placed if str(event.get("STATUS", "")).upper() != "CANCELLED"]


def _row(event: Component) -> Row:
    try:
        said = {**_summed_up(event), **_named(event), **_times(event)}
    except InvalidInput as error:
        return error
    except OverflowError:
        return InvalidInput("It ends beyond what a calendar has.")
    return {name: " ".join(cell.split()) for name, cell in said.items() if cell.strip()}


def _times(event: Component) -> dict[str, str]:
    if event.errors:
        raise InvalidInput("; ".join(f"{name}: {what}"[:200] for name, what in event.errors))
    if "RRULE" in event or "RDATE" in event:
        raise InvalidInput("It repeats; give each of its dates an event of its own.")
    starts_at = _moment(event, "DTSTART")
    if "DTEND" in event:
        return {"starts_at": starts_at.isoformat(), "ends_at": _moment(event, "DTEND").isoformat()}
    ends_at = starts_at + event.decoded("DURATION") if "DURATION" in event else None
    return {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat() if ends_at else ""}


def _moment(event: Component, name: str) -> datetime:
    value = event.decoded(name) if name in event else None
    if not isinstance(value, datetime):
        raise InvalidInput(f"{name} is a date with a time of day.")
    zone = event[name].params.get("TZID")
    if value.tzinfo is None and zone is not None:
        raise InvalidInput(f"{name} names the unknown time zone {str(zone)[:64]!r}.")
    return value


def _summed_up(event: Component) -> dict[str, str]:
    service, _, who = str(event.get("SUMMARY", "")).partition(":")
    client, told, staff = who.rpartition(" with ")
    return {"service": service, "client": client, "staff": staff} if told else {"service": service, "client": who}


def _named(event: Component) -> dict[str, str]:
    """Return what the event names by properties of their own."""
    categories, resources = _first(event, "CATEGORIES"), _first(event, "RESOURCES")
    attendee, contact = _first(event, "ATTENDEE"), _first(event, "CONTACT")
    cells = {
        "service": str(categories.cats[0]) if categories and categories.cats else "",
        "staff": str(resources or ""),
        "client": str(attendee.params.get("CN", "") if attendee else contact or ""),
        "email": str(attendee or "").lower().removeprefix("mailto:"),
    }
    return {name: cell for name, cell in cells.items() if cell.strip()}


def _first(event: Component, name: str) -> Any:  # noqa: ANN401 - icalendar's values have no common type
    value = event.get(name)
    return value[0] if isinstance(value, list) and value else value
