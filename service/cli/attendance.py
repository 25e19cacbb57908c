"""`interlock mark`: what becomes of a booking."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from service.bootstrap import Interlock
from service.cli.output import AsJson, BusinessName, print_json, with_installation
from service.commands import attendance
from service.commands.attendance import Booking, Step
from service.db.command import Scope
from service.queries import businesses


class Mark(StrEnum):
    """What may be noted of a booking."""

    APPROVED = "approved"
    DECLINED = "declined"
    CHECKED_IN = "checked-in"
    COMPLETED = "completed"
    NO_SHOW = "no-show"


def mark(
    business: BusinessName,
    booking: Annotated[UUID, typer.Argument(help="The booking's id.")],
    what: Annotated[Mark, typer.Argument(help="What becomes of it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Note what becomes of a booking: approved, declined, checked-in, completed or no-show."""

    async def run(interlock: Interlock) -> Booking:
        of = await businesses.by_slug(interlock.db, business)
        scope, step, now = Scope(interlock.db, of.id, actor="cli"), Step(booking), interlock.clock()
        match what:
            case Mark.APPROVED:
                return await attendance.approve(scope, step)
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
