"""`interlock slots`, `book`, `cancel`, `waitlist`."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from models.errors import InvalidInput, NotFound
from service.bootstrap import Interlock
from service.cli.output import (
    AsJson,
    BusinessName,
    parsed_time,
    print_json,
    print_table,
    shown,
    with_installation,
)
from service.commands import bookings, clients
from service.commands.attendance import Booking
from service.db.command import Scope
from service.queries import businesses
from service.queries import slots as slot_queries
from service.queries import waitlist as waitlist_queries
from service.queries.businesses import Business

ServiceName = Annotated[str, typer.Option("--service", "-s", help="The service, by name or id.")]
StaffName = Annotated[str | None, typer.Option("--staff", help="The staff member, by name or id; any if left out.")]


async def service_named(interlock: Interlock, business: Business, name: str) -> businesses.Service:
    known = await businesses.services(interlock.db, business.id)
    for service in known:
        if name in (service.name, str(service.id)):
            return service
    raise NotFound(f"There is no service {name!r}; there are: {', '.join(s.name for s in known)}.")


async def staff_named(interlock: Interlock, business: Business, name: str | None) -> tuple[UUID, ...] | None:
    if name is None:
        return None
    known = await businesses.staff(interlock.db, business.id)
    for member in known:
        if name in (member.name, str(member.id)):
            return (member.id,)
    raise NotFound(f"There is no staff member {name!r}; there are: {', '.join(s.name for s in known)}.")


def slots(
    business: BusinessName,
    service: ServiceName,
    *,
    staff: StaffName = None,
    start: Annotated[str | None, typer.Option("--from", help="Local time of the business; now if left out.")] = None,
    days: Annotated[int, typer.Option(min=1, max=62)] = 7,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 10,
    ranked: Annotated[bool, typer.Option(help="The best first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Times that can be booked now."""

    async def find(interlock: Interlock) -> tuple[Business, list[slot_queries.Slot], slot_queries.WhyNone]:
        of = await businesses.by_slug(interlock.db, business)
        now = interlock.clock()
        first = now if start is None else parsed_time(start, of.zone)
        chosen = await service_named(interlock, of, service)
        who = await staff_named(interlock, of, staff)
        view = await interlock.views.current(of.id, now)
        wanted = slot_queries.SlotsWanted(chosen.id, first, first + timedelta(days=days), who)
        found = slot_queries.find(view, wanted, now, limit=limit, ranked=ranked)
        return of, found, slot_queries.why_none(view, wanted, now)

    of, found, why = with_installation(find)
    if as_json:
        print_json(found)
    elif not found:
        ruled_out = ", ".join(f"{count} {rule.replace('_', ' ')}" for rule, count in why.ruled_out.items())
        typer.echo("\n".join([f"Nothing is free. Of {why.candidates} candidates: {ruled_out}.", *why.relaxations]))
    else:
        rows = [(shown(s.starts_at, of.zone), s.staff, f"{s.score:.1f}" if s.score is not None else "") for s in found]
        print_table(f"{service} at {of.name} ({of.zone})", ["start", "with", "score"], rows)


def book(
    business: BusinessName,
    service: ServiceName,
    at: Annotated[str, typer.Option(help="The start, local time of the business.")],
    name: Annotated[str, typer.Option(help="The client's name.")],
    *,
    staff: StaffName = None,
    email: Annotated[str | None, typer.Option(help="The client's e-mail.")] = None,
    as_json: AsJson = False,
) -> None:
    """Book a time for a new client; the best free staff member unless one is named."""

    async def run(interlock: Interlock) -> tuple[Business, Booking, slot_queries.Slot]:
        of = await businesses.by_slug(interlock.db, business)
        chosen = await service_named(interlock, of, service)
        who = await staff_named(interlock, of, staff)
        now, starts_at = interlock.clock(), parsed_time(at, of.zone)
        view = await interlock.views.current(of.id, now)
        wanted = slot_queries.SlotsWanted(chosen.id, starts_at, starts_at + timedelta(minutes=1), who)
        found = slot_queries.find(view, wanted, now, limit=1, ranked=True)
        if not found:
            raise InvalidInput(f"{chosen.name} is not free at {at}; `interlock slots` shows what is.")
        scope = Scope(interlock.db, of.id, actor="cli")
        client_id = await clients.register(scope, clients.NewClient(name, email))
        request = bookings.BookRequest(chosen.id, found[0].staff_id, starts_at, client_id, source="cli")
        return of, await bookings.book(scope, request, view=view, now=now), found[0]

    of, booking, slot = with_installation(run)
    if as_json:
        print_json({"booking": booking, "slot": slot})
    else:
        typer.echo(f"booked {shown(slot.starts_at, of.zone)} with {slot.staff}: {booking.id}")


def cancel(
    business: BusinessName,
    booking: Annotated[UUID, typer.Argument(help="The booking's id.")],
    *,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a booking and free its time."""

    async def run(interlock: Interlock) -> Booking:
        of = await businesses.by_slug(interlock.db, business)
        scope = Scope(interlock.db, of.id, actor="cli")
        return await bookings.cancel(scope, bookings.Cancellation(booking, reason=reason), now=interlock.clock())

    cancelled = with_installation(run)
    if as_json:
        print_json(cancelled)
    else:
        typer.echo(f"cancelled {cancelled.id}")


def waitlist(business: BusinessName, *, as_json: AsJson = False) -> None:
    """Who still waits, for what, since when."""

    async def read(interlock: Interlock) -> tuple[Business, list[waitlist_queries.WaitingEntry]]:
        of = await businesses.by_slug(interlock.db, business)
        return of, await waitlist_queries.waiting(interlock.db, of.id)

    of, entries = with_installation(read)
    if as_json:
        print_json(entries)
    else:
        rows = [
            (
                e.client,
                e.service if e.seats == 1 else f"{e.service} ({e.seats})",
                f"{shown(e.windows[0][0], of.zone)} to {shown(e.windows[-1][1], of.zone)}",
                shown(e.since, of.zone),
                e.priority,
            )
            for e in entries
        ]
        print_table(f"Waiting at {of.name}", ["client", "service", "could come", "since", "priority"], rows)
