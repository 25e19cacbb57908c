"""What becomes of a booking: another time, another place in line, approval, attendance."""

from uuid import UUID

from fastapi import APIRouter, Response

from service.api.bodies import StrictRoute
from service.api.context import Booker, By, Commanding, Db, Expected, Fresh, Now, OfPath, tagged, tagged_beside
from service.api.schemas import NoShowRulesBody, RescheduleBody, SwapBody
from service.commands import attendance, deposits
from service.commands import reschedule as moves
from service.commands.attendance import Booking, Step
from service.commands.deposits import NoShowRules
from service.queries import own_settings

router = APIRouter(tags=["bookings"], route_class=StrictRoute)


@router.post("/bookings/{booking_id}/reschedule", operation_id="rescheduleBooking")
async def reschedule(
    response: Response,
    scope: Commanding,
    by: Booker,
    view: Fresh,
    now: Now,
    booking_id: UUID,
    expected: Expected,
    body: RescheduleBody,
) -> Booking:
    """Give a booking another start, another staff member, or both; its own time counts as free."""
    wanted = moves.Reschedule(booking_id, expected, by, starts_at=body.starts_at, staff_id=body.staff_id)
    return tagged(response, await moves.reschedule(scope, wanted, view=view, now=now))


@router.post("/bookings/{booking_id}/swap", operation_id="swapBookings")
async def swap(
    scope: Commanding, by: By, view: Fresh, now: Now, booking_id: UUID, expected: Expected, body: SwapBody
) -> list[Booking]:
    """Let two bookings change places, both or neither."""
    wanted = moves.Swap(Step(booking_id, expected, by), Step(body.booking_id, body.version, by))
    return list(await moves.swap(scope, wanted, view=view, now=now))


@router.post("/bookings/{booking_id}/approve", operation_id="approveBooking")
async def approve(response: Response, scope: Commanding, by: By, booking_id: UUID, expected: Expected) -> Booking:
    """Confirm a pending booking."""
    return tagged(response, await attendance.approve(scope, Step(booking_id, expected, by)))


@router.post("/bookings/{booking_id}/deposit", operation_id="payDeposit")
async def pay_deposit(response: Response, scope: Commanding, by: By, booking_id: UUID, expected: Expected) -> Booking:
    """The deposit was paid: the booking is confirmed, but where its service needs approval, too."""
    return tagged(response, await deposits.pay_deposit(scope, Step(booking_id, expected, by)))


@router.post("/bookings/{booking_id}/deposit/waive", operation_id="waiveDeposit")
async def waive_deposit(response: Response, scope: Commanding, by: By, booking_id: UUID, expected: Expected) -> Booking:
    """Do without the deposit: the booking is confirmed, but where its service needs approval, too."""
    return tagged(response, await deposits.waive_deposit(scope, Step(booking_id, expected, by)))


@router.post("/bookings/{booking_id}/decline", operation_id="declineBooking")
async def decline(response: Response, scope: Commanding, by: By, booking_id: UUID, expected: Expected) -> Booking:
    """Turn a pending booking down and free its time."""
    return tagged(response, await attendance.decline(scope, Step(booking_id, expected, by)))


@router.post("/bookings/{booking_id}/check-in", operation_id="checkInBooking")
async def check_in(response: Response, scope: Commanding, by: By, booking_id: UUID, expected: Expected) -> Booking:
    """The client has come."""
    return tagged(response, await attendance.check_in(scope, Step(booking_id, expected, by)))


@router.post("/bookings/{booking_id}/complete", operation_id="completeBooking")
async def complete(
    response: Response, scope: Commanding, by: By, now: Now, booking_id: UUID, expected: Expected
) -> Booking:
    """The visit took place."""
    step = Step(booking_id, expected, by)
    return tagged(response, await attendance.complete(scope, step, now=now))


@router.post("/bookings/{booking_id}/no-show", operation_id="markNoShow")
async def no_show(
    response: Response, scope: Commanding, by: By, now: Now, booking_id: UUID, expected: Expected
) -> Booking:
    """The client did not come; the answer names the fee."""
    step = Step(booking_id, expected, by)
    return tagged(response, await attendance.no_show(scope, step, now=now))


@router.get("/no-show-rules", operation_id="readNoShowRules")
async def no_show_rules(db: Db, response: Response, business: OfPath) -> NoShowRules:
    """What clients who failed to come too often have to do first; the version is the business's."""
    own = tagged(response, await own_settings.read(db, business.id))
    return NoShowRules(own.settings.get("no_show_threshold"), own.settings.get("no_show_deposit_cents"))


@router.put("/no-show-rules", operation_id="setNoShowRules")
async def set_no_show_rules(
    response: Response, scope: Commanding, expected: Expected, body: NoShowRulesBody
) -> NoShowRules:
    """Set what clients who failed to come too often have to do first: pay a deposit, or be approved."""
    wanted = NoShowRules(body.threshold, body.deposit_cents)
    return tagged_beside(response, await deposits.set_no_show_rules(scope, wanted, version=expected))
