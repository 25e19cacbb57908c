"""The words of the pages, in their reader's language: sentences from catalogues, dates and numbers by Babel (CLDR).

Clients' pages name their sentences by keys; the pages of those who work in a business name theirs by their English, as
gettext does, so that a template reads as its page does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson
from babel import Locale, dates, numbers
from babel.core import negotiate_locale
from babel.lists import format_list

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LANGUAGES = {"en": "en_GB", "de": "de_DE", "es": "es_ES", "fa": "fa_IR"}
"""Languages on offer and the locales of their dates."""
PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return the sentences of a language by their keys."""
    words: dict[str, str] = orjson.loads((files("service.web") / "words" / f"{language}.json").read_bytes())
    return words


@cache
def house_catalogue(language: str) -> dict[str, str]:
    """Return the sentences of the house's pages in a language by their English; none for English."""
    if language == "en":
        return {}
    words: dict[str, str] = orjson.loads((files("service.web") / "words" / "house" / f"{language}.json").read_bytes())
    return words


@dataclass(frozen=True, slots=True)
class Words:
    """One language: call it with a sentence's key and what stands in its braces."""

    language: str

    @property
    def locale(self) -> Locale:
        """The locale of dates and numbers."""
        return _locale(self.language)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, for the `dir` attribute."""
        return "rtl" if self.language == "fa" else "ltr"

    def __call__(self, key: str, **fields: object) -> str:
        """Return a sentence; raises `KeyError` for a key that the catalogue lacks."""
        return catalogue(self.language)[key].format(**self._isolated(fields))

    def text(self, english: str, **fields: object) -> str:
        """Return a sentence of the house's pages; in English where nobody has translated it."""
        sentence = house_catalogue(self.language).get(english, english)
        return sentence.format(**self._isolated(fields)) if fields else sentence

    def count(self, key: str, n: int, **fields: object) -> str:
        """Return a sentence about `n` things, in the plural that the language wants."""
        words = catalogue(self.language)
        form = self.locale.plural_form(n)
        return words.get(f"{key}.{form}", words[f"{key}.other"]).format(n=self.digits(n), **self._isolated(fields))

    def decimal(self, number: float) -> str:
        """Return a number with one digit after the point, or the comma."""
        return self.digits(numbers.format_decimal(number, "0.0", locale=self.locale, numbering_system="default"))

    def number(self, number: int) -> str:
        """Return a whole number, its thousands apart."""
        return self.digits(numbers.format_decimal(number, locale=self.locale, numbering_system="default"))

    def digits(self, value: object) -> str:
        """Return a number in the digits of the language."""
        return str(value).translate(PERSIAN_DIGITS) if self.language == "fa" else str(value)

    def day(self, day: date) -> str:
        """Return a date as in Tue 24 Nov."""
        return self._date(day, {"en": "EEE d MMM", "de": "EEE d. MMM", "es": "EEE d MMM"}, "%a %-d %B")

    def whole_day(self, day: date) -> str:
        """Return a date as in Tuesday 24 November."""
        spelled = {"en": "EEEE d MMMM", "de": "EEEE, d. MMMM", "es": "EEEE d 'de' MMMM"}
        return self._date(day, spelled, "%A %-d %B")

    def long_day(self, day: date) -> str:
        """Return a date as in Tuesday 24 November 2026."""
        spelled = {"en": "EEEE d MMMM y", "de": "EEEE, d. MMMM y", "es": "EEEE d 'de' MMMM 'de' y"}
        return self._date(day, spelled, "%A %-d %B %Y")

    def dated(self, day: date) -> str:
        """Return a date as in 24 November 2026."""
        return self._date(day, {"en": "d MMMM y", "de": "d. MMMM y", "es": "d 'de' MMMM 'de' y"}, "%-d %B %Y")

    def weekday(self, day: date, *, spelled: bool = False) -> str:
        """Return a date's weekday, short enough for a seventh of a phone's width, or spelled where that is a letter."""
        width = "narrow" if self.language == "fa" and not spelled else "abbreviated"
        return str(self.locale.days["stand-alone"][width][day.weekday()])

    def day_number(self, day: date) -> str:
        """Return a date's day of the month."""
        return self._date(day, dict.fromkeys(("en", "de", "es"), "d"), "%-d")

    def months(self, first: date, last: date) -> str:
        """Return the months of two dates, once where they are one."""
        return " \N{EN DASH} ".join(dict.fromkeys((self.month(first), self.month(last))))

    def month(self, day: date) -> str:
        """Return a date's month with its year."""
        return self._date(day, dict.fromkeys(("en", "de", "es"), "LLLL y"), "%B %Y")

    def time(self, moment: datetime) -> str:
        """Return a local time of day."""
        return self.digits(f"{moment:%H:%M}")

    def when(self, moment: datetime) -> str:
        """Return a local date and time, as in Tue 24 Nov, 14:20."""
        comma = "،" if self.language == "fa" else ","
        return f"{self.day(moment.date())}{comma} {self.time(moment)}"

    def length(self, minutes: int) -> str:
        """Return a length of time."""
        hours, rest = divmod(minutes, 60)
        h, m = self.digits(hours), self.digits(rest)
        if hours and rest:
            return self("hour_min", h=h, m=m)
        return self("hours", h=h) if hours else self("mins", m=m)

    def together(self, names: Sequence[str]) -> str:
        """Return names as one reads them: Ana, Ben and Cid."""
        return str(format_list([self._apart(name) for name in names], locale=self.locale))

    def price(self, cents: int, currency: str) -> str:
        """Return a price, or that there is none to pay."""
        if cents == 0:
            return self("price_free")
        amount, own = cents / 100, "default"
        return self.digits(numbers.format_currency(amount, currency, locale=self.locale, numbering_system=own))

    def money(self, cents: int) -> str:
        """Return an amount in a currency that is named beside it."""
        return self.digits(numbers.format_decimal(cents / 100, "#,##0.00", locale=self.locale))

    def zone(self, zone: "ZoneInfo", at: datetime) -> tuple[str, str]:
        """Return the name of a zone and its offset at a moment."""
        # A minus, unlike a hyphen, is not where a line may end.
        offset = f"{at.astimezone(zone):%z}".replace("-", "\N{MINUS SIGN}")
        return _zone_name(self.language, zone), f"\u2066{self.digits(f'UTC{offset[:3]}:{offset[3:]}')}\u2069"

    def _isolated(self, fields: dict[str, object]) -> dict[str, str]:
        return {name: self._apart(value) for name, value in fields.items()}

    def _apart(self, value: object) -> str:
        # A name in another direction must not turn the sentence around it (Unicode TR 9, first strong isolate).
        text = str(value)
        return text if text.isascii() and self.direction == "ltr" else f"\u2068{text}\u2069"

    def _date(self, day: date, patterns: dict[str, str], persian: str) -> str:
        if self.language == "fa":
            import jdatetime  # noqa: PLC0415 - the calendar of one language alone

            return self.digits(jdatetime.date.fromgregorian(date=day, locale="fa_IR").strftime(persian))
        return dates.format_date(day, patterns[self.language], locale=self.locale)


def chosen_language(asked: str | None, accepted: str | None) -> Words:
    """Return the language asked for, else the best that the Accept-Language header accepts, else English."""
    if asked in LANGUAGES:
        return Words(asked)
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in (accepted or "").split(",")][:20]
    found = negotiate_locale([w for w in wanted if w], list(LANGUAGES), sep="_")
    return Words(found or "en")


def local(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment in a zone; for templates."""
    return moment.astimezone(zone)


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(LANGUAGES[language])


@cache
def _zone_name(language: str, zone: "ZoneInfo") -> str:
    return str(dates.get_timezone_location(zone, locale=_locale(language)))
