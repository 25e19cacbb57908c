"""Reports: how full the days were, what was idle, who did not come, what was earned; to look at, and as CSV."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from models.errors import InvalidInput
from service.db.views import View, load
from service.queries import reports, storefronts
from service.queries.exports import csv_text
from service.queries.reports import By, Conversion, Line
from service.web.fullness import Filled, filled, together
from service.web.house import House, house, reason
from service.web.pages import PageRoute
from service.web.visit import FIRST_DAY, LAST_DAY
from solver.clock import epoch_minute

router = APIRouter(include_in_schema=False, route_class=PageRoute)
LONGEST, USUAL = 92, 14
COLUMNS = (
    *("name", "booked", "no_shows", "cancelled", "minutes", "revenue_cents", "lead_days"),
    *("worked", "claimed", "utilisation", "fragments", "waitlisted", "placed"),
)


class Asked(BaseModel):
    """What a report is about: local dates, the last one included."""

    first: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    last: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    by: By = "staff"

    def days(self, today: date) -> list[date]:
        """Return the dates; raises `InvalidInput`."""
        last = self.last or (today if self.first is None else self.first + timedelta(days=USUAL - 1))
        first = self.first or last - timedelta(days=USUAL - 1)
        if not 0 <= (last - first).days < LONGEST:
            raise InvalidInput(f"The last day comes after the first, within {LONGEST} days.")
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@dataclass(frozen=True, slots=True)
class Row:
    """One staff member, service or week. No service has time of its own, nobody on the staff a waitlist: None."""

    line: Line
    time: Filled | None
    waitlist: Conversion | None

    def cells(self) -> dict[str, object]:
        """Return the row as a spreadsheet has it."""
        time, waitlist = self.time, self.waitlist
        own: dict[str, object] = dict.fromkeys(COLUMNS, "") | asdict(self.line)
        if time is not None:
            own |= {"worked": time.worked, "claimed": time.claimed, "fragments": time.fragments}
            own["utilisation"] = round(time.share, 4)
        if waitlist is not None:
            own |= {"waitlisted": waitlist.joined, "placed": waitlist.placed}
        return own


@dataclass(frozen=True, slots=True)
class Report:
    """Some days: by day how full they were, the rows, and all together."""

    days: list[tuple[date, Filled]]
    rows: list[Row]
    whole: Filled
    conversion: Conversion


async def report(here: House, asked: Asked) -> Report:
    """Return the report of the days asked for."""
    days, ident = asked.days(here.today), (here.db, here.business.id)
    span = here.span(days[0], len(days))
    view = await load(*ident, days[0] - timedelta(days=1), len(days) + 2)
    by_day = [(day, filled(view, *(epoch_minute(edge) for edge in here.span(day)))) for day in days]
    time = _time(view, by_day, span=(epoch_minute(span[0]), epoch_minute(span[1])), by=asked.by)
    waits = {} if asked.by == "staff" else await reports.conversions(*ident, *span, asked.by)
    lines = {line.name: line for line in await reports.lines(*ident, *span, asked.by)}
    names = sorted(lines.keys() | waits.keys() | {name for name, f in time.items() if f.worked})
    blank = Conversion(0, 0) if asked.by != "staff" else None
    rows = [Row(lines.get(n) or Line(n), time.get(n), waits.get(n, blank)) for n in names]
    sums = [(day, together(str(day), parts)) for day, parts in by_day]
    conversion = await reports.conversion(*ident, *span)
    return Report(sums, rows, together("", (f for _, f in sums)), conversion)


def _time(
    view: View, by_day: list[tuple[date, list[Filled]]], *, span: tuple[int, int], by: By
) -> Mapping[str, Filled]:
    if by == "staff":
        return {f.name: f for f in filled(view, *span)}
    if by == "service":
        return {}
    weeks: dict[str, list[Filled]] = {}
    for day, parts in by_day:
        weeks.setdefault(f"{day:%G-W%V}", []).extend(parts)
    return {week: together(week, parts) for week, parts in weeks.items()}


@router.get("/board/{slug}/reports")
async def show(here: Annotated[House, house("exportTable")], asked: Annotated[Asked, Query()]) -> Response:
    """The report of some days, the last two weeks unless asked for others."""
    try:
        return await _page(here, asked)
    except InvalidInput as refusal:
        return await _page(here, Asked(by=asked.by), reason(refusal))


async def _page(here: House, asked: Asked, problem: str | None = None) -> Response:
    days = asked.days(here.today)
    store = await storefronts.by_slug(here.db, here.business.slug)
    found = await report(here, asked)
    lines = [row.line for row in found.rows]
    came = sum(line.booked for line in lines)
    ahead = sum(line.lead_days * line.booked for line in lines) / came if came else 0.0
    return here.page(
        "reports.html",
        422 if problem else 200,
        problem=problem,
        asked=asked,
        report=found,
        lines=lines,
        ahead=ahead,
        first=days[0],
        last=days[-1],
        currency=store.currency,
    )


@router.get("/board/{slug}/reports.csv")
async def table(here: Annotated[House, house("exportTable")], asked: Annotated[Asked, Query()]) -> Response:
    """The same as a file for a spreadsheet."""
    text = csv_text(COLUMNS, [row.cells() for row in (await report(here, asked)).rows])
    name = f"{here.business.slug}-{asked.days(here.today)[0]}-{asked.by}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
