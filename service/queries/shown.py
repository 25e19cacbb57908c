"""Pairs as answers show them: their ends named as requests name them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer


@dataclass(frozen=True, slots=True)
class NamedWindow:
    """A window of time, half-open."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class NamedSpan:
    """Wall minutes of a local day, half-open; `closes` may pass 1440."""

    opens: int
    closes: int


def _window(pair: tuple[datetime, datetime]) -> NamedWindow:
    return NamedWindow(*pair)


def _span(pair: tuple[int, int]) -> NamedSpan:
    return NamedSpan(*pair)


Window = Annotated[tuple[datetime, datetime], PlainSerializer(_window)]
Minutes = Annotated[tuple[int, int], PlainSerializer(_span)]
