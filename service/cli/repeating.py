"""`interlock repeat`, `offers`, `schedule`: series, offers to who waits, the days of staff."""

from datetime import date
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from models.errors import InvalidInput
from models.states import Party
from service.bootstrap import Interlock
from service.cli.booking import ServiceName, service_named, staff_named
from service.cli.output import AsJson, BusinessName, parsed_time, print_json, print_table, shown, with_installation
from service.commands import clients
from service.commands import offers as offer_commands
from service.commands import series as commands
from service.commands.attendance import Booking
from service.db.command import Scope
from service.queries import businesses, schedules
from service.queries import offers as offer_queries
from service.queries.businesses import Business
from service.queries.series import far_view


def repeat(
    business: BusinessName,
    service: ServiceName,
    staff: Annotated[str, typer.Option(help="The staff member, by name or id.")],
    at: Annotated[str, typer.Option(help="The first start, local time of the business.")],
    rule: Annotated[str, typer.Option(help="How it repeats (RFC 5545): FREQ=WEEKLY;COUNT=10.")],
    name: Annotated[str, typer.Option(help="The client's name.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Book a series for a new client: each date that can be had; the others are named with the nearest free time."""

    async def run(interlock: Interlock) -> tuple[Business, commands.Series]:
        of, now = await businesses.by_slug(interlock.db, business), interlock.clock()
        chosen, who = await service_named(interlock, of, service), await staff_named(interlock, of, staff)
        scope = Scope(interlock.db, of.id, actor="cli")
        client_id = await clients.register(scope, clients.NewClient(name))
        start = parsed_time(at, of.zone)
        wanted = commands.SeriesRequest(chosen.id, (who or ())[0], start, rule, client_id, Party.STAFF)
        return of, await commands.book_series(scope, wanted, view=await far_view(scope.db, of.id, now), now=now)

    of, made = with_installation(run)
    if as_json:
        print_json(made)
        return
    rows = [
        (o.day, shown(o.starts_at, of.zone) if o.starts_at else "", o.appointment_id or o.conflict, _near(o, of.zone))
        for o in made.occurrences
    ]
    print_table(f"Series {made.id} at {of.name}", ["date", "start", "booking or conflict", "nearest free"], rows)


def _near(occurrence: commands.Occurrence, zone: str) -> str:
    return "" if occurrence.nearest is None else shown(occurrence.nearest.starts_at, zone)


def offers(
    business: BusinessName,
    *,
    accept: Annotated[UUID | None, typer.Option(help="Book the time of this offer.")] = None,
    decline: Annotated[UUID | None, typer.Option(help="Give the time of this offer back.")] = None,
    as_json: AsJson = False,
) -> None:
    """Times held for who waits; accept or decline one."""

    async def run(interlock: Interlock) -> tuple[Business, list[offer_queries.OpenOffer], Booking | None]:
        of = await businesses.by_slug(interlock.db, business)
        scope = Scope(interlock.db, of.id, actor="cli")
        done = None
        if accept is not None:
            done = await offer_commands.accept(scope, offer_commands.Acceptance(accept, Party.MANAGER))
        elif decline is not None:
            done = await offer_commands.decline(scope, decline)
        return of, await offer_queries.live(interlock.db, of.id), done

    of, live, done = with_installation(run)
    if as_json:
        print_json({"offers": live, "done": done})
        return
    if done is not None:
        typer.echo(f"{done.status}: {done.id}")
    rows = [
        (o.id, o.client, o.service, o.staff, shown(o.starts_at, of.zone), shown(o.expires_at, of.zone)) for o in live
    ]
    print_table(f"Offers of {of.name}", ["offer", "client", "service", "with", "start", "until"], rows)


def schedule(
    business: BusinessName,
    *,
    day: Annotated[str | None, typer.Option(help="The first date, 2026-03-02; today if left out.")] = None,
    days: Annotated[int, typer.Option(min=1, max=31)] = 1,
    staff: Annotated[str | None, typer.Option(help="One staff member alone, by name or id.")] = None,
    as_json: AsJson = False,
) -> None:
    """What claims the time of staff on some local dates."""

    async def run(interlock: Interlock) -> tuple[Business, list[schedules.Scheduled]]:
        of = await businesses.by_slug(interlock.db, business)
        zone, who = ZoneInfo(of.zone), await staff_named(interlock, of, staff)
        first = interlock.clock().astimezone(zone).date() if day is None else _date(day)
        return of, await schedules.schedule(interlock.db, of.id, zone, first, days, who[0] if who else None)

    of, found = with_installation(run)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            shown(s.starts_at, of.zone),
            s.staff,
            s.service or s.kind,
            s.client or "",
            s.status or "",
            s.appointment_id or "",
        )
        for s in found
    ]
    print_table(f"Schedule of {of.name} ({of.zone})", ["start", "with", "what", "client", "state", "booking"], rows)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no date; write 2026-03-02.") from error
