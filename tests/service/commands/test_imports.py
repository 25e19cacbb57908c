"""Rows from elsewhere: all of a table or nothing, every bad row named; what goes out comes back."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO

import psycopg
import pytest

from models.errors import InvalidInput, Unavailable
from models.week import week_of, written
from service.commands import imports
from service.commands.clients import NewClient, register
from service.commands.imports import Import, Imported, import_table
from service.queries import businesses, exports
from tests.service.worlds import MONDAY_10, salon

pytestmark = pytest.mark.anyio
SPAN = (MONDAY_10 - timedelta(days=1), MONDAY_10 + timedelta(days=30))


async def refused_rows(scope, kind: str, text: str) -> list[tuple[int, str]]:
    with pytest.raises(InvalidInput) as caught:
        await import_table(scope, Import(kind, text))
    return [(row["line"], row["detail"]) for row in caught.value.fields["rows"]]


async def test_staff_and_services_are_taken_over(db):
    scope = await salon(db)
    staff = "name,hours,zone\nCleo,Mon-Fri 09:00-12:30 13:30-17:30; Sat 10:00-14:00,\nDan,,Europe/Athens\n"
    assert (await import_table(scope, Import("staff", staff))).rows == 2
    services = "name,duration,price,staff\nPerm,90,79.50,Cleo; Dan\n"
    await import_table(scope, Import("services", services))
    out = list(csv.DictReader(StringIO(await exports.table(db, scope.business_id, "services", SPAN))))
    assert [(r["name"], r["duration"], r["price"], r["staff"]) for r in out if r["name"] == "Perm"] == [
        ("Perm", "90", "79.50", "Cleo; Dan")
    ]
    members = list(csv.DictReader(StringIO(await exports.table(db, scope.business_id, "staff", SPAN))))
    cleo = next(m for m in members if m["name"] == "Cleo")
    assert sorted(week_of(cleo["hours"].split("; "))) == sorted(
        week_of(["Mon-Fri 09:00-12:30 13:30-17:30", "Sat 10:00-14:00"])
    )


async def test_one_bad_row_keeps_all_out_and_each_is_named(db):
    scope = await salon(db)
    text = "name,duration,price\nPerm,90,80\nX,0,1\nY,ten,1\nZ,30,1e9\n"
    rows = await refused_rows(scope, "services", text)
    assert [line for line, _ in rows] == [3, 4, 5]
    assert "whole number" in rows[1][1]
    assert "Perm" not in {s.name for s in await businesses.services(db, scope.business_id)}


async def test_a_row_with_a_cell_too_many_does_not_hide_the_others(db):
    scope = await salon(db)
    rows = await refused_rows(scope, "clients", "name,email\nA,a@example.org,x\nB\nC,nobody\n")
    assert [line for line, _ in rows] == [2, 3, 4]


def event(*lines: str) -> str:
    return "\r\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT", ""))


def calendar_of(*events: str) -> str:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{''.join(events)}END:VCALENDAR\r\n"


AT_10, AT_14 = "DTSTART;TZID=Europe/Lisbon:20260302T100000", "DTSTART:20260302T140000"
LONG = "DTEND:20260302T144500"


async def test_events_are_taken_over_by_their_properties_or_their_summary(db, owner_url):
    scope = await salon(db)
    maria = 'ATTENDEE;CN="Maria Costa":mailto:maria@example.org'
    text = calendar_of(
        event(AT_10, "CATEGORIES:Cut", "RESOURCES:Ana", maria),
        event(AT_14, LONG, "SUMMARY:Cut: Rui with Ben"),
        event("DTSTART:20260303T100000Z", "DURATION:PT20M", "SUMMARY:Cut: Zoe with Ben"),
        event(AT_10, "STATUS:CANCELLED", "SUMMARY:Cut: Eve with Ana"),
    )
    assert await import_table(scope, Import("calendar", text)) == Imported("bookings", 3, dry_run=False)
    out = list(csv.DictReader(StringIO(await exports.table(db, scope.business_id, "bookings", SPAN))))
    assert [(r["service"], r["staff"], r["starts_at"][5:16], r["ends_at"][11:16], r["client"]) for r in out] == [
        ("Cut", "Ana", "03-02T10:00", "10:30", "Maria Costa"),
        ("Cut", "Ben", "03-02T14:00", "14:45", "Rui"),
        ("Cut", "Ben", "03-03T10:00", "10:20", "Zoe"),
    ]
    assert out[0]["email"] == "maria@example.org"


async def test_every_bad_event_is_named_by_its_line(db):
    scope = await salon(db)
    summary = "SUMMARY:Cut: Eve with Ana"
    bad = (
        event("DTSTART:soon", summary),
        event("DTSTART;VALUE=DATE:20260302", summary),
        event("DTSTART;TZID=../../etc/passwd:20260302T100000", summary),
        event(AT_10, "RRULE:FREQ=SECONDLY", summary),
        event(AT_10, "DURATION:P999999999D", summary),
        event(AT_10, "DTEND:20260302T090000", summary),
        event(AT_10, "SUMMARY:Cut: Eve with Nobody"),
        event(AT_10, "SUMMARY:lunch"),
        event("DTSTART:20260329T013000", summary),
    )
    rows = await refused_rows(scope, "calendar", calendar_of(event(AT_10, summary), *bad))
    assert [line for line, _ in rows] == [8 + sum(text.count("\r\n") for text in bad[:i]) for i in range(len(bad))]
    for text in ("", "BEGIN:VCALENDAR", "name\nx\n", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "\x00"):
        with pytest.raises(InvalidInput):
            await import_table(scope, Import("calendar", text))


async def test_a_booking_that_overlaps_is_named_and_a_known_client_is_found(db, owner_url):
    scope = await salon(db)
    maria = await register(scope, NewClient("Maria Costa", "maria@example.org"))
    head = "service,staff,starts_at,client,email\n"
    good = (
        "Cut,Ana,2026-03-02T10:00,Maria,maria@example.org\n"
        "Cut,Ben,2026-03-02T10:00Z,Zoe,\n"
        "Cut,Ben,2026-03-02T11:00Z,Zoe,\n"
    )
    bad = "Cut,Ana,2026-03-02T10:20,Eve,\nCut,Eve,2026-03-02T10:20,Eve,\n"
    rows = await refused_rows(scope, "bookings", head + good + bad)
    assert [line for line, _ in rows] == [5, 6]
    await import_table(scope, Import("bookings", head + good))
    with psycopg.connect(owner_url) as connection:
        found = connection.execute("SELECT client_id, source, status FROM appointment ORDER BY id").fetchall()
    assert (found[0], found[1][0] == found[2][0]) == ((maria, "import", "confirmed"), True)


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable])
async def test_a_lock_that_another_holds_is_no_bad_row(db, monkeypatch, error):
    async def held(*_):
        raise error("held")

    scope = await salon(db)
    monkeypatch.setitem(imports.IMPORTERS, "clients", held)
    with pytest.raises(Unavailable):
        await import_table(scope, Import("clients", "name\nMaria\n"))


async def test_a_dry_run_leaves_nothing(db, owner_url):
    scope = await salon(db)
    done = await import_table(scope, Import("clients", "name\nAna Silva\n", dry_run=True))
    assert (done.rows, done.dry_run) == (1, True)
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM client").fetchone() == (0,)


async def test_a_cell_is_no_formula_and_an_event_has_one_line(db):
    scope = await salon(db)
    name = "=HYPERLINK(1)"
    await import_table(scope, Import("bookings", f"service,staff,starts_at,client\nCut,Ana,2026-03-02T10:00,{name}\n"))
    out = list(csv.DictReader(StringIO(await exports.table(db, scope.business_id, "clients", SPAN))))
    assert [row["name"] for row in out] == ["'" + name]
    await import_table(scope, Import("clients", "name,phone\n'=1+1,'+351 21 000 00 01\n"))
    own = await exports.table(db, scope.business_id, "clients", SPAN)
    assert "'=1+1,,'+351 21 000 00 01" in own.splitlines()
    calendar = (await exports.calendar(db, scope.business_id, SPAN)).decode()
    assert calendar.count("BEGIN:VEVENT") == 1


async def test_a_time_that_the_clocks_skip_is_named(db):
    scope = await salon(db)
    head = "service,staff,starts_at,client\n"
    rows = await refused_rows(scope, "bookings", head + "Cut,Ana,2026-03-29T01:30,Eve\nCut,Ana,soon,Eve\n")
    assert "clocks go forward" in rows[0][1]
    assert "is written like" in rows[1][1]


def test_hours_are_written_as_they_are_read():
    lines = ["Mon 09:00-12:30 13:30-17:30", "Sat 20:00-02:00"]
    assert written(week_of(lines)) == lines
    assert datetime(2026, 3, 2, tzinfo=UTC).weekday() == week_of(lines)[0][0]
    for wrong in ("", "Mon", "Mon 9", "Someday 09:00-10:00", "Mon 24:00-25:00", "Mon 09:00-09:00"):
        with pytest.raises(InvalidInput):
            week_of([wrong])
