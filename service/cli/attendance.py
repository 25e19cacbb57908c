"""`interlock move`, `swap`, `mark`: what becomes of a booking."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from service.bootstrap import Interlock
from service.cli.booking import StaffName, staff_named
from service.cli.output import AsJson, BusinessName, parsed_time, print_json, with_installation
from service.commands import attendance, deposits, reschedule
from service.commands.attendance import Booking, Step
from service.db.command import Scope
from service.queries import businesses


class Mark(StrEnum):
    """What may be noted of a booking."""

    APPROVED = "approved"
    DECLINED = "declined"
    DEPOSIT_PAID = "deposit-paid"
    DEPOSIT_WAIVED = "deposit-waived"
    CHECKED_IN = "checked-in"
    COMPLETED = "completed"
    NO_SHOW = "no-show"


BookingId = Annotated[UUID, typer.Argument(help="The booking's id.")]


def move(
    business: BusinessName,
    booking: BookingId,
    *,
    at: Annotated[
        str | None, typer.Option(help="The new start, local time of the business; as it is if left out.")
    ] = None,
    staff: StaffName = None,
    as_json: AsJson = False,
) -> None:
    """Give a booking another start, another staff member, or both."""

    async def run(interlock: Interlock) -> Booking:
        of, now = await businesses.by_slug(interlock.db, business), interlock.clock()
        who = await staff_named(interlock, of, staff)
        start = None if at is None else parsed_time(at, of.zone)
        wanted = reschedule.Reschedule(booking, starts_at=start, staff_id=who[0] if who else None)
        view = await interlock.views.current(of.id, now)
        return await reschedule.reschedule(Scope(interlock.db, of.id, actor="cli"), wanted, view=view, now=now)

    moved = with_installation(run)
    if as_json:
        print_json(moved)
    else:
        typer.echo(f"moved {moved.id}")


def swap(
    business: BusinessName,
    booking: BookingId,
    other: Annotated[UUID, typer.Argument(help="The booking to change places with.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Let two bookings change places, both or neither."""

    async def run(interlock: Interlock) -> tuple[Booking, Booking]:
        of, now = await businesses.by_slug(interlock.db, business), interlock.clock()
        view = await interlock.views.current(of.id, now)
        wanted = reschedule.Swap(Step(booking), Step(other))
        return await reschedule.swap(Scope(interlock.db, of.id, actor="cli"), wanted, view=view, now=now)

    swapped = with_installation(run)
    if as_json:
        print_json(swapped)
    else:
        typer.echo(f"swapped {swapped[0].id} and {swapped[1].id}")


def mark(
    business: BusinessName,
    booking: BookingId,
    what: Annotated[Mark, typer.Argument(help="What becomes of it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Note of a booking: approved, declined, deposit-paid, deposit-waived, checked-in, completed or no-show."""

    async def run(interlock: Interlock) -> Booking:
        of = await businesses.by_slug(interlock.db, business)
        scope, step, now = Scope(interlock.db, of.id, actor="cli"), Step(booking), interlock.clock()
        match what:
            case Mark.APPROVED:
                return await attendance.approve(scope, step)
            case Mark.DEPOSIT_PAID:
                return await deposits.pay_deposit(scope, step)
            case Mark.DEPOSIT_WAIVED:
                return await deposits.waive_deposit(scope, step)
            case Mark.DECLINED:
                return await attendance.decline(scope, step)
            case Mark.CHECKED_IN:
                return await attendance.check_in(scope, step)
            case Mark.COMPLETED:
                return await attendance.complete(scope, step, now=now)
            case Mark.NO_SHOW:
                return await attendance.no_show(scope, step, now=now)

    marked = with_installation(run)
    if as_json:
        print_json(marked)
    else:
        fee = "" if marked.fee_cents is None else f", fee {marked.fee_cents / 100:.2f}"
        typer.echo(f"{marked.status.replace('_', ' ')}: {marked.id}{fee}")
