"""A business described in a TOML file, as people write one; see `examples/salon.toml`."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from uuid_utils.compat import uuid7

from models.errors import InvalidInput
from models.week import week_of
from service.commands.businesses import Opening
from service.commands.catalogue import NewResource, NewService, NewStaff, Requirement, Span, Window


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Staff(_Described):
    name: str
    hours: list[str] = Field(default_factory=list)
    zone: str | None = None
    daily_limit: int | None = None
    weekly_limit: int | None = None


class _Service(_Described):
    name: str
    duration: int
    buffer_before: int = 0
    buffer_after: int = 0
    slot_interval: int = 15
    slot_offset: int = 0
    anchor: str = "clock"
    minimum_notice: int = 0
    maximum_advance: int = 60
    first_date: date | None = None
    last_date: date | None = None
    daily_limit: int | None = None
    weekly_limit: int | None = None
    client_daily_limit: int | None = None
    client_weekly_limit: int | None = None
    seats: int = 1
    needs_approval: bool = False
    free_cancellation: int | None = None
    cancellation_fee: Annotated[float, Field(strict=False, ge=0)] = 0
    last_cancellation: int = 0
    price: Annotated[float, Field(strict=False, ge=0)] = 0
    windows: list[str] = Field(default_factory=list)
    requires: list[str] = Field(default_factory=list)
    staff: list[str] | None = None


class _Resource(_Described):
    name: str
    kind: str
    hours: list[str] = Field(default_factory=list)


class _Business(_Described):
    name: str
    slug: str
    zone: str
    holidays: str | None = None
    staff: list[_Staff] = Field(default_factory=list)
    services: list[_Service] = Field(default_factory=list)
    resources: list[_Resource] = Field(default_factory=list)


def read(path: Path) -> tuple[Opening, str | None]:
    """Return the business that a file describes, and the country whose holidays it keeps (ISO 3166), if any.

    Raises
    ------
    InvalidInput
        The file cannot be read, is no TOML, or says what a business does not have; the message names the place.
    """
    try:
        described = _Business.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
    staff = tuple(
        NewStaff(m.name, _week(m.hours), uuid7(), m.zone, m.daily_limit, m.weekly_limit) for m in described.staff
    )
    by_name = {member.name: member for member in staff}
    if len(by_name) < len(staff):
        raise InvalidInput(f"{path}: a staff member's name stands twice.")
    services = tuple(_service(path, service, by_name) for service in described.services)
    resources = tuple(NewResource(r.name, r.kind, _week(r.hours)) for r in described.resources)
    return Opening(described.name, described.slug, described.zone, staff, services, resources), described.holidays


def _service(path: Path, described: _Service, staff: dict[str, NewStaff]) -> NewService:
    unknown = [name for name in described.staff or () if name not in staff]
    if unknown:
        raise InvalidInput(f"{path}: {described.name} names {unknown[0]!r}, who is not among the staff.")
    rules = described.model_dump(exclude={"price", "cancellation_fee", "windows", "requires", "staff"})
    return NewService(
        **rules,
        price_cents=round(described.price * 100),
        cancellation_fee_cents=round(described.cancellation_fee * 100),
        windows=tuple(Window(s.weekday, s.opens, s.closes) for s in _week(described.windows)),
        requirements=tuple(Requirement(kind) for kind in described.requires),
        staff=None if described.staff is None else tuple(staff[name].id for name in described.staff),
    )


def _week(lines: list[str]) -> tuple[Span, ...]:
    return tuple(Span(*span) for span in week_of(lines))
