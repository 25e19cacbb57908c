"""English sentences that keep what they are made of, so that they can be said in other languages too."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Self, TypeAlias

Value: TypeAlias = "str | int | date | datetime | timedelta | Sequence[str]"
"""What stands in braces: a name, a number, a day, a moment in the zone to say it in, a length, names or sentences."""


class Sentence(str):
    """A sentence, or several; `parts` are each one's English with braces, and what stands in them as JSON has it."""

    __slots__ = ("parts",)
    parts: list[tuple[str, dict[str, Any]]]

    @classmethod
    def of(cls, english: str, **fields: Value) -> Self:
        """Return a sentence of English with braces and what stands in them."""
        found = cls(english.format(**{name: in_english(value) for name, value in fields.items()}))
        found.parts = [(english, {name: _json(value) for name, value in fields.items()})]
        return found

    @classmethod
    def all(cls, sentences: "Iterable[Sentence]") -> Self:
        """Return sentences as one."""
        each = list(sentences)
        found = cls(" ".join(each))
        found.parts = [part for sentence in each for part in sentence.parts]
        return found


def in_english(value: Value) -> str:
    """Return what stands in braces as English has it."""
    match value:
        case str():
            return value
        case int():
            return f"{value:,}"
        case datetime():
            return f"{value:%a %d %b %H:%M}"
        case date():
            return f"{value:%d %b}"
        case timedelta():
            return _length(int(value.total_seconds() // 60))
        case _:
            return listed(value)


def listed(names: Sequence[str]) -> str:
    """Return names as English has them, each once: Ana, Ben and Cid; others where there are none."""
    unique = list(dict.fromkeys(names))
    if len(unique) <= 1:
        return unique[0] if unique else "others"
    return f"{', '.join(unique[:-1])} and {unique[-1]}"


def _length(minutes: int) -> str:
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    parts = [(days, "day"), (hours, "hour"), (left, "minute")]
    return " ".join(f"{n} {word}{'s' if n != 1 else ''}" for n, word in parts if n)


def _json(value: Value) -> str | int | Mapping[str, Any]:
    match value:
        case str() | int():
            return value
        case datetime():
            return {"at": value.isoformat()}
        case date():
            return {"day": value.isoformat()}
        case timedelta():
            return {"minutes": int(value.total_seconds() // 60)}
        case _:
            unique = dict.fromkeys(value)
            return {"names": [name.parts if isinstance(name, Sentence) else name for name in unique]}
