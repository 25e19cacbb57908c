"""Settings: the business, its staff with their hours, services, rooms and holidays."""

from collections.abc import Awaitable
from datetime import date
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Response, UploadFile
from fastapi.responses import RedirectResponse

from models.errors import InterlockError, InvalidInput, NotFound, Unavailable
from models.week import week_of, written
from service.commands import availability, catalogue, changes
from service.commands.availability import Holidays, WeeklyHours
from service.commands.catalogue import NewResource, NewService, NewStaff, Span
from service.commands.changes import Change
from service.queries import catalogue as queries
from service.queries import own_settings
from service.web.house import House, house, reason
from service.web.logo import LARGEST, data_url
from service.web.pages import PageRoute
from service.web.visit import FIRST_DAY, LAST_DAY, ZONES

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Short = Annotated[str, Form(max_length=200)]
LANGUAGES = ("en", "de", "es", "fa")


async def _done(here: House, work: Awaitable[object], back: str) -> Response:
    """Do one thing and go back, or say on the settings page why it cannot be done."""
    try:
        await work
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _page(here, reason(refusal))
    return RedirectResponse(here.url(back, said="saved"), status_code=303)


@router.get("/board/{slug}/settings")
async def show(here: Annotated[House, house("changeBusiness")]) -> Response:
    """The business, and lists of what it has."""
    return await _page(here)


async def _page(here: House, problem: str | None = None) -> Response:
    db, business_id = here.db, here.business.id
    return here.page(
        "settings.html",
        409 if problem else 200,
        problem=problem,
        said=here.request.query_params.get("said"),
        own=await own_settings.read(db, business_id),
        staff=await own_settings.everyone(db, business_id),
        services=await own_settings.all_services(db, business_id),
        rooms=sorted(await queries.resources(db, business_id), key=lambda room: not room.active),
        holidays=[(holiday.day, holiday.name) for holiday in await queries.holidays(db, business_id)],
        zones=list(dict.fromkeys([here.business.zone, *ZONES])),
        languages=LANGUAGES,
    )


@router.post("/board/{slug}/settings")
async def change(
    here: Annotated[House, house("changeBusiness")],
    name: Short,
    zone: Short,
    locale: Short,
    currency: Short,
    colour: Short,
    version: Annotated[int, Form()],
    place: Short = "",
    phone: Short = "",
) -> Response:
    """Change the business itself."""
    kept = (await own_settings.read(here.db, here.business.id)).settings
    values = {
        "name": name.strip(),
        "zone": zone,
        "locale": locale,
        "currency": currency.strip().upper(),
        "colour": colour.lower(),
        "settings": kept | {"place": place.strip() or None, "phone": phone.strip() or None},
    }
    wanted = Change(here.business.id, values, version)
    return await _done(here, changes.change_business(here.scope, wanted), "/settings")


@router.post("/board/{slug}/settings/logo")
async def change_logo(
    here: Annotated[House, house("changeBusiness")], version: Annotated[int, Form()], logo: UploadFile
) -> Response:
    """Keep a picture as the logo; no file takes it away."""
    content = await logo.read(LARGEST + 1)
    own = await own_settings.read(here.db, here.business.id)
    try:
        kept = own.settings | {"logo": data_url(content) if content else None}
    except InvalidInput as refusal:
        return await _page(here, reason(refusal))
    wanted = Change(here.business.id, {"settings": kept}, version)
    return await _done(here, changes.change_business(here.scope, wanted), "/settings")


@router.post("/board/{slug}/settings/staff")
async def add_staff(
    here: Annotated[House, house("addStaff")], name: Short, hours: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """Add a staff member."""
    member = NewStaff(name.strip(), _spans(hours), uuid4())
    return await _done(here, catalogue.add_staff(here.scope, member), f"/settings/staff/{member.id}")


def _spans(hours: str) -> tuple[Span, ...]:
    return tuple(Span(*span) for span in week_of([line for line in hours.splitlines() if line.strip()]))


@router.get("/board/{slug}/settings/staff/{staff_id}")
async def staff_member(here: Annotated[House, house("readStaff")], staff_id: UUID) -> Response:
    """One staff member with their weekly hours."""
    return await _member(here, staff_id)


async def _member(here: House, staff_id: UUID, problem: str | None = None, typed: str | None = None) -> Response:
    member = await queries.staff_member(here.db, here.business.id, staff_id)
    lines = written((span.weekday, span.opens, span.closes) for span in member.hours)
    context = {"member": member, "hours": typed or "\n".join(lines), "problem": problem}
    return here.page("member.html", 409 if problem else 200, said=here.request.query_params.get("said"), **context)


@router.post("/board/{slug}/settings/staff/{staff_id}")
async def change_member(
    here: Annotated[House, house("changeStaff")],
    staff_id: UUID,
    name: Short,
    version: Annotated[int, Form()],
    hours: Annotated[str, Form(max_length=2000)] = "",
    active: Annotated[bool, Form()] = False,  # noqa: FBT002 - a tick box
    displace: Annotated[bool, Form()] = False,  # noqa: FBT002 - a tick box
) -> Response:
    """Change a staff member, and their weekly hours from today on."""
    try:
        wanted = WeeklyHours(staff_id, _spans(hours), here.today, displace)
        worked = await availability.set_weekly_hours(here.scope, wanted, version=version)
        values = {"name": name.strip(), "active": active}
        await changes.change_staff(here.scope, Change(staff_id, values, worked.version))
    except (NotFound, Unavailable):
        raise
    except InterlockError as refusal:
        return await _member(here, staff_id, reason(refusal), hours)
    return RedirectResponse(here.url(f"/settings/staff/{staff_id}", said="saved"), status_code=303)


@router.post("/board/{slug}/settings/services")
async def add_service(
    here: Annotated[House, house("addService")], name: Short, duration: Annotated[int, Form()]
) -> Response:
    """Add a service, performed by everybody at first."""
    service = NewService(name.strip(), duration, id=uuid4())
    return await _done(here, catalogue.add_service(here.scope, service), f"/settings/services/{service.id}")


@router.post("/board/{slug}/settings/rooms")
async def add_room(here: Annotated[House, house("addResource")], name: Short, kind: Short) -> Response:
    """Add a room, chair or device."""
    room = NewResource(name.strip(), kind.strip(), id=uuid4())
    return await _done(here, catalogue.add_resource(here.scope, room), "/settings")


@router.post("/board/{slug}/settings/rooms/{room_id}")
async def change_room(
    here: Annotated[House, house("changeResource")],
    room_id: UUID,
    name: Short,
    kind: Short,
    version: Annotated[int, Form()],
    active: Annotated[bool, Form()] = False,  # noqa: FBT002 - a tick box
) -> Response:
    """Rename a room, or retire it."""
    values = {"name": name.strip(), "kind": kind.strip(), "active": active}
    return await _done(here, changes.change_resource(here.scope, Change(room_id, values, version)), "/settings")


@router.post("/board/{slug}/settings/holidays")
async def add_holiday(
    here: Annotated[House, house("addHolidays")],
    day: Annotated[date, Form(ge=FIRST_DAY, le=LAST_DAY)],
    name: Short,
    displace: Annotated[bool, Form()] = False,  # noqa: FBT002 - a tick box
) -> Response:
    """Close on a date."""
    wanted = Holidays(((day, name.strip()),), displace)
    return await _done(here, availability.add_holidays(here.scope, wanted), "/settings")


@router.post("/board/{slug}/settings/holidays/{day}/remove")
async def remove_holiday(here: Annotated[House, house("removeHoliday")], day: date) -> Response:
    """Open on a date again."""
    return await _done(here, availability.remove_holiday(here.scope, day), "/settings")
