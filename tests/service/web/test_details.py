"""What clients type: kept as typed, with a sentence beside what cannot be."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from icalendar import Calendar

from service.queries.calendar_file import Entry, calendar_file
from service.web.details import Details


@pytest.mark.parametrize(
    ("typed", "problems"),
    [
        (("Maria", "m@example.org", ""), {}),
        (("Maria", "", "+31 20 123"), {}),
        (("نازنین\u200cزهرا", "", "021 123"), {}),
        (("", "m@example.org", ""), {"name": "needs_name"}),
        (("x" * 201, "m@example.org", ""), {"name": "bad_name"}),
        (("Maria\u202egro.live", "m@example.org", ""), {"name": "bad_name"}),
        (("Maria\nCosta", "m@example.org", ""), {"name": "bad_name"}),
        (("Maria", "", ""), {"email": "needs_contact"}),
        (("Maria", "m@exämple.org", ""), {"email": "bad_email"}),
        (("Maria", "nobody", "12"), {"email": "bad_email", "phone": "bad_phone"}),
    ],
)
def test_each_field_gets_its_sentence(typed, problems):
    details = Details.read(*typed)
    assert details.problems == problems
    assert (details.name, details.email, details.phone) == typed


def test_a_calendar_file_has_one_event_whatever_the_names():
    start = datetime(2026, 3, 2, 10, tzinfo=UTC)
    hostile = "Cut\r\nATTENDEE:mailto:x@example.org\r\nEND:VEVENT"
    entry = Entry(UUID(int=1), hostile, "Rua 1; Lisboa, PT\r\nX:1", start, start + timedelta(minutes=30), start)
    calendar = Calendar.from_ical(calendar_file([entry]))
    [event] = calendar.walk("VEVENT")
    assert "ATTENDEE" not in event
    assert str(event["location"]) == "Rua 1; Lisboa, PT X:1"
    assert event["dtstart"].dt == start
