"""`interlock allow`, `interlock rules`: what booked clients allow, and what holds where they said nothing."""

from dataclasses import asdict, replace
from typing import Annotated
from uuid import UUID

import typer

from models.errors import InvalidInput
from models.optimisation import LONGEST_SEARCH, Rules, StaffAllowed
from service.bootstrap import Interlock
from service.cli.output import AsJson, BusinessName, parsed_time, print_json, print_table, with_installation
from service.commands import allowances
from service.commands.allowances import Allowance, Allowed
from service.db.command import Scope
from service.queries import businesses, movable
from service.queries.businesses import Business


def allow(
    business: BusinessName,
    booking: Annotated[UUID, typer.Argument(help="The booking's id.")],
    *,
    window: Annotated[
        list[str] | None, typer.Option(help="A time when the client would come: 2026-03-02T09:00/2026-03-02T12:00.")
    ] = None,
    staff: Annotated[list[str] | None, typer.Option(help="With whom: same, any, or names (repeat it).")] = None,
    lock: Annotated[bool, typer.Option("--lock", help="Never move it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say when, and with whom, the client of a booking would come instead; what is left out, the rules decide."""

    async def work(interlock: Interlock) -> allowances.Stored:
        of = await businesses.by_slug(interlock.db, business)
        windows = None if window is None else tuple(_window(text, of.zone) for text in window)
        allowed, names = await _staff(interlock, of, staff)
        request = Allowance(booking, Allowed(windows, allowed, names, lock))
        return await allowances.allow(Scope(interlock.db, of.id, actor="cli"), request)

    stored = with_installation(work)
    if as_json:
        print_json(stored)
    else:
        typer.echo(f"stored; the booking is at version {stored.version} now")


def _window(text: str, zone: str) -> tuple:  # type: ignore[type-arg] # two aware times
    start, slash, end = text.partition("/")
    if not slash:
        raise InvalidInput(f"{text!r} is no window; write 2026-03-02T09:00/2026-03-02T12:00.")
    return parsed_time(start, zone), parsed_time(end, zone)


async def _staff(
    interlock: Interlock, of: Business, wanted: list[str] | None
) -> tuple[StaffAllowed | None, tuple[UUID, ...] | None]:
    if not wanted:
        return None, None
    if wanted in (["same"], ["any"]):
        return StaffAllowed(wanted[0]), None
    known = {key: m.id for m in await businesses.staff(interlock.db, of.id) for key in (m.name, str(m.id))}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise InvalidInput(f"There is no staff member {missing[0]!r}; write same, any, or names.")
    return StaffAllowed.NAMED, tuple(known[name] for name in wanted)


def rules(
    business: BusinessName,
    *,
    minutes: Annotated[int | None, typer.Option(min=0, max=1440, help="How far, the same day.")] = None,
    staff: Annotated[str | None, typer.Option(help="With whom: same or any.")] = None,
    frozen_hours: Annotated[int | None, typer.Option(min=0, max=744, help="Too soon to move anyone.")] = None,
    moves_a_client: Annotated[int | None, typer.Option(min=-1, help="-1: as the policy says.")] = None,
    moves_a_day: Annotated[int | None, typer.Option(min=-1, help="-1: as the policy says.")] = None,
    reseat_days: Annotated[int | None, typer.Option(min=0, max=31, help="How far, for who lost their place.")] = None,
    seconds: Annotated[int | None, typer.Option(min=1, max=LONGEST_SEARCH, help="How long a run searches.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what holds where a client said nothing; with options, change it."""
    given = {
        "minutes": minutes,
        "staff": staff,
        "frozen_hours": frozen_hours,
        "moves_a_client": moves_a_client,
        "moves_a_day": moves_a_day,
        "reseat_days": reseat_days,
        "seconds": seconds,
    }
    changes = {name: None if value == -1 else value for name, value in given.items() if value is not None}

    async def work(interlock: Interlock) -> Rules:
        of = await businesses.by_slug(interlock.db, business)
        present = await movable.rules(interlock.db, of.id)
        if not changes:
            return present
        chosen = replace(present, **changes)  # type: ignore[arg-type] # checked by Rules itself
        rules, _ = await allowances.set_rules(Scope(interlock.db, of.id, actor="cli"), chosen)
        return rules

    found = with_installation(work)
    if as_json:
        print_json(found)
    else:
        rows = [(name.replace("_", " "), "as the policy says" if v is None else v) for name, v in asdict(found).items()]
        print_table("Rules of the optimiser", ["rule", "value"], rows)
