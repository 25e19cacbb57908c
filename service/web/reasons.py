"""The sentences of a plan in the language of who reviews it; what no translation is known of stays English."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from service.web.words import Words


@dataclass(frozen=True, slots=True)
class Reasons:
    """What the sentences of a plan are made of, by the move or by who is left out, and how to say them."""

    said: Mapping[UUID, Mapping[str, Any]]
    words: Words
    zone: ZoneInfo

    def __call__(self, of: UUID, what: str, english: str | None) -> str | None:
        """Return a sentence in the page's language; as it is where it was kept in English alone."""
        parts = self.said.get(of, {}).get(what)
        return self._all(parts) if parts and self.words.language != "en" else english

    def _all(self, parts: list[tuple[str, dict[str, Any]]]) -> str:
        return " ".join(
            self.words.text(english, **{name: self._value(value) for name, value in fields.items()})
            for english, fields in parts
        )

    def _value(self, value: str | int | Mapping[str, Any]) -> str:
        match value:
            case str():
                return self.words.text(value)
            case int():
                return self.words.number(value)
            case {"at": at}:
                return self.words.when(datetime.fromisoformat(at).astimezone(self.zone))
            case {"day": day}:
                return self.words.day(date.fromisoformat(day))
            case {"minutes": minutes}:
                return self.words.length(minutes)
            case {"names": names}:
                each = [name if isinstance(name, str) else self._all(name) for name in names]
                return self.words.together([self.words.text(name) for name in each] or [self.words.text("others")])
            case _:
                raise ValueError(f"nothing to be said: {value}")
