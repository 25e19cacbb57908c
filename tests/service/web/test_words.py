"""Four languages that say the same, in their own dates and digits."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from service.web.words import LANGUAGES, Words, catalogue, chosen_language

TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence_with_the_same_braces(language):
    english, other = catalogue("en"), catalogue(language)
    assert other.keys() == english.keys()
    for key, sentence in english.items():
        assert set(re.findall(r"{\w+}", other[key])) == set(re.findall(r"{\w+}", sentence)), key


def test_dates_are_written_as_the_language_writes_them():
    assert Words("en").day(TUESDAY) == "Tue 24 Nov"
    assert Words("de").whole_day(TUESDAY) == "Dienstag, 24. November"
    assert Words("es").whole_day(TUESDAY) == "martes 24 de noviembre"
    # 3 Azar 1405, by the Solar Hijri calendar.
    assert Words("fa").whole_day(TUESDAY) == "سه‌شنبه " + Words("fa").digits("3") + " آذر"


def test_prices_lengths_and_plurals():
    assert Words("en").price(2000, "EUR") == "€20.00"
    assert Words("de").price(2000, "EUR") == "20,00\u00a0€"
    assert Words("en").price(0, "EUR") == "free of charge"
    assert [Words("en").length(n) for n in (45, 60, 90)] == ["45 min", "1 h", "1 h 30 min"]
    assert [Words("en").count("seats_left", n) for n in (1, 2)] == ["1 place left", "2 places left"]


def test_a_zone_is_named_with_its_offset_at_the_moment():
    zone = ZoneInfo("Europe/Lisbon")
    summer, winter = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert "UTC+01:00" in Words("en").zone(zone, summer)[1]
    assert "UTC+00:00" in Words("en").zone(zone, winter)[1]


def test_a_name_in_another_direction_does_not_turn_the_sentence():
    assert Words("en")("with_staff", name="Ana") == "with Ana"
    assert Words("en")("with_staff", name="نازنین") == "with \u2068نازنین\u2069"


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("fa", "de", "fa"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "es-419", "es"),
        ("xx", "", "en"),
        (None, None, "en"),
        (None, ";;,,\x00" * 500, "en"),
    ],
)
def test_the_language_is_what_was_asked_for_or_the_browser_accepts(asked, accepted, language):
    assert chosen_language(asked, accepted).language == language
