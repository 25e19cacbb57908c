"""Bookings as a calendar file (RFC 5545) and as links that open a calendar."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from icalendar import Calendar, Event

STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in a calendar: times aware, half-open; the text may have lines, `named` are further properties."""

    id: UUID
    title: str
    place: str | None
    starts_at: datetime
    ends_at: datetime
    written_at: datetime
    sequence: int = 0
    status: str = "CONFIRMED"
    text: str = ""
    named: Mapping[str, str | list[str]] = field(default_factory=dict)

    def google(self) -> str:
        """Return the address that opens Google Calendar with the entry."""
        span = f"{self.starts_at.astimezone(UTC):{STAMP}}/{self.ends_at.astimezone(UTC):{STAMP}}"
        query = {"action": "TEMPLATE", "text": self.title, "dates": span, "location": self.place or ""}
        query |= {"details": self.text} if self.text else {}
        return f"https://calendar.google.com/calendar/render?{urlencode(query)}"

    def outlook(self) -> str:
        """Return the address that opens Outlook with the entry."""
        query = {
            "rru": "addevent",
            "subject": self.title,
            "startdt": self.starts_at.astimezone(UTC).isoformat(),
            "enddt": self.ends_at.astimezone(UTC).isoformat(),
            "location": self.place or "",
            "body": self.text,
        }
        return f"https://outlook.live.com/calendar/0/deeplink/compose?{urlencode(query)}"


def calendar_file(entries: Iterable[Entry]) -> bytes:
    """Return entries as one calendar file; in a calendar a later sequence replaces an earlier one."""
    calendar = Calendar()
    calendar.add("prodid", "-//Interlock//EN")
    calendar.add("version", "2.0")
    for entry in entries:
        calendar.add_component(_event(entry))
    return bytes(calendar.to_ical())


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", f"{entry.id}@interlock")
    event.add("dtstamp", entry.written_at.astimezone(UTC))
    event.add("dtstart", entry.starts_at.astimezone(UTC))
    event.add("dtend", entry.ends_at.astimezone(UTC))
    event.add("summary", _one_line(entry.title))
    event.add("sequence", entry.sequence)
    event.add("status", entry.status)
    if entry.text:
        event.add("description", "\n".join(map(_one_line, entry.text.splitlines())))
    if entry.place:
        event.add("location", _one_line(entry.place))
    for name, said in entry.named.items():
        event.add(name, _one_line(said) if isinstance(said, str) else list(map(_one_line, said)))
    return event


def _one_line(text: str) -> str:
    # A line break would begin a property of the writer's choosing.
    return " ".join(text.split())
