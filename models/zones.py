"""Time zones that a business or a query may name."""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from models.errors import InvalidInput


def zone_named(name: str) -> ZoneInfo:
    """Return an IANA zone by its area and location, or UTC.

    Raises
    ------
    InvalidInput
        Anything else: paths, POSIX rules, and old names such as EST5EDT that say an offset and no place.
    """
    if name not in _names():
        raise InvalidInput(f"There is no time zone {name[:64]!r}; use an IANA name such as Europe/Lisbon.")
    return ZoneInfo(name)


def aware(typed: datetime, zone: ZoneInfo, text: str) -> datetime:
    """Return a typed time with its offset, the zone's where it has none; `text` is how it was typed.

    Raises
    ------
    InvalidInput
        A local time that the change of clocks skips.
    """
    if typed.tzinfo is not None:
        return typed
    local = typed.replace(tzinfo=zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != typed:
        raise InvalidInput(f"{text} does not exist in {zone.key}: the clocks go forward then.")
    return local


@cache
def _names() -> frozenset[str]:
    names = files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    return frozenset(name for name in names if "/" in name or name == "UTC")
