"""The board: one business's day, a column a lane, or its week; where bookings are made and moved."""

import asyncio
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from models.errors import InterlockError
from service.db.views import View
from service.queries import boards, bookings, businesses, optimisation, waitlist
from service.queries.bookings import BookedItem
from service.queries.finding import ItemWanted
from service.queries.slots import Slot, SlotsWanted, find
from service.queries.waitlist import WaitingEntry
from service.web.days import lanes_of_day, week_of
from service.web.house import House, house
from service.web.layout import Opening
from service.web.offer import Time, Wish
from service.web.pages import PageRoute
from service.web.visit import FIRST_DAY, LAST_DAY, Chosen

WAITING = 30
"""Entries of the waitlist beside the board."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


class Asked(BaseModel):
    """The query of the board's address: what is shown, and what is open beside it."""

    day: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    by: Literal["staff", "rooms"] = "staff"
    span: Literal["day", "week", "list"] = "day"
    page: Annotated[int, Field(ge=1, le=1000)] = 1
    open: UUID | None = None
    new: Annotated[str, Field(max_length=100)] | None = None
    undo: Annotated[str, Field(max_length=200)] | None = None
    said: Annotated[str, Field(pattern="^[a-z_]{1,20}$")] | None = None
    since: Annotated[str, Field(max_length=40)] | None = None
    back: Literal["board", "today"] = "board"

    def kept(self) -> dict[str, object]:
        """Return what the board's links carry on."""
        return self.model_dump(include={"day", "by", "span", "page", "back"}, exclude_defaults=True)


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked for and cannot be: the reason, the nearest times that can, and what was typed to book or block."""

    reason: str
    near: list[Time]
    booking: UUID | None = None
    typed: dict[str, str] | None = None
    blocked: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """What a request for the board is about."""

    house: House
    asked: Asked

    @property
    def day(self) -> date:
        """The date that is shown."""
        return self.asked.day or self.house.today

    def url(self, path: str = "", **changes: object) -> str:
        """Return an address on the board that shows the same, but for some changes."""
        return self.house.url(path, **{**self.asked.kept(), **changes})


def on_board(operation: str, *, own: bool = False) -> object:
    """Return the dependency of a route on the board, for who may do an operation; `own` as `session.may`."""

    async def found(here: Annotated[House, house(operation, own=own)], asked: Annotated[Asked, Query()]) -> Board:
        return Board(here, asked)

    return Depends(found)


@router.get("/board/{slug}")
async def show(board: Annotated[Board, on_board("listBookings")]) -> Response:
    """The day or the week; nothing where nothing has changed since the browser last asked."""
    stamp = await _stamp(board)
    if board.asked.since == stamp:
        return Response(status_code=204)
    if board.asked.span == "week":
        return await _week(board, stamp)
    return await day_page(board, stamp=stamp)


async def _stamp(board: Board) -> str:
    newest = await boards.newest_event(board.house.db, board.house.business.id)
    return f"{newest}-{board.house.now:%H%M}"


async def day_page(board: Board, *, refused: Refused | None = None, stamp: str | None = None) -> Response:
    """Return the page of one day, after a refusal with its reason."""
    here, asked = board.house, board.asked
    opened = asked.open or (refused.booking if refused else None)
    of = (here.db, here.business.id)
    view = await here.view()
    # Each of them waits for the database more than it works.
    lanes, waiting, services, staff, run, items = await asyncio.gather(
        lanes_of_day(here, view, board.day, rooms=asked.by == "rooms", page=asked.page),
        _waiting(board, view),
        businesses.services(*of),
        businesses.staff(*of),
        optimisation.latest(*of),
        bookings.read(*of, opened) if opened else _nothing(),
    )
    fits = [Opening(w.slot.staff_id, w.slot.starts_at, w.slot.ends_at, w.entry.client) for w in waiting if w.slot]
    return here.page(
        "list.html" if asked.span == "list" else "board.html",
        409 if refused else 200,
        board=board,
        asked=asked,
        day=board.day,
        lanes=lanes,
        drawing=lanes.with_openings(lanes.drawn(here.now, say=here.words.text), fits),
        items=items,
        client=await here.contact(items[0].client_id if items else None),
        chosen=_prefilled(board),
        undo=_undone(asked.undo),
        refused=refused,
        services=services,
        staff=staff,
        waiting=waiting,
        run=run,
        stamp=stamp or await _stamp(board),
        of=Chosen,
    )


async def _week(board: Board, stamp: str) -> Response:
    monday = board.day - timedelta(days=board.day.weekday())
    week = await week_of(board.house, monday, rooms=board.asked.by == "rooms", page=board.asked.page)
    return board.house.page("week.html", board=board, asked=board.asked, day=board.day, week=week, stamp=stamp)


def _prefilled(board: Board) -> Chosen | None:
    return Chosen.of(board.asked.new) if board.asked.new else None


def _undone(text: str | None) -> dict[str, str] | None:
    if text is None or text.count("!") != 2:
        return None
    booking, value, version = text.split("!")
    what, name = ("length", "minutes") if value.isdigit() else ("move", "at")
    return {"id": booking, "what": what, "name": name, "value": value, "version": version}


@dataclass(frozen=True, slots=True)
class Fitting:
    """An entry of the waitlist, with the first opening of the day that fits it."""

    entry: WaitingEntry
    slot: Slot | None


async def _nothing() -> list[BookedItem]:
    return []


async def _waiting(board: Board, view: View) -> list[Fitting]:
    here, span = board.house, board.house.span(board.day)
    entries = await waitlist.waiting(here.db, here.business.id, *span)
    return [Fitting(entry, _opening(here, view, entry, span)) for entry in entries[:WAITING]]


def _opening(here: House, view: View, entry: WaitingEntry, span: tuple[datetime, datetime]) -> Slot | None:
    for start, end in entry.windows:
        begin, close = max(start, span[0], here.now), min(end, span[1])
        if begin >= close:
            continue
        try:
            wanted = SlotsWanted(entry.service_id, begin, close, entry.staff_ids, seats=entry.seats)
            found = find(view, wanted, here.now, limit=20)
        except InterlockError:
            # The service or somebody named is not offered any more.
            return None
        if fits := [slot for slot in found if slot.ends_at <= end]:
            return fits[0]
    return None


def near(wish: Wish, start: datetime, staff_id: UUID | None = None) -> list[Time]:
    """Return the times nearest to one that was refused: by anyone, and by whoever was chosen."""
    found = {time.places: time for time in wish.nearest(start)}
    if staff_id is not None and len(wish.items) == 1:
        chosen = replace(wish, items=(replace(wish.items[0], staff_ids=(staff_id,)),))
        found |= {time.places: time for time in chosen.nearest(start)}
    return sorted(found.values(), key=lambda time: time.starts_at)


async def nearest(
    here: House, service_id: UUID, start: datetime, seats: int = 1, *, staff_id: UUID | None = None
) -> list[Time]:
    """Return the times for a service nearest to one that was refused, as `near`."""
    wish = Wish(await here.view(), (ItemWanted(service_id),), here.zone, here.now, seats)
    return near(wish, start, staff_id)
