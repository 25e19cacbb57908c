"""Four languages that say the same, in their own dates and digits."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from jinja2.ext import extract_from_ast

from models.optimisation import POLICY_NAMES, RunKind
from models.permissions import Role
from models.states import AppointmentStatus, MoveStatus, RunStatus
from service.web.pages import HERE, templates
from service.web.words import LANGUAGES, Words, catalogue, chosen_language, house_catalogue

TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence_with_the_same_braces(language):
    english, other = catalogue("en"), catalogue(language)
    assert other.keys() == english.keys()
    for key, sentence in english.items():
        assert set(re.findall(r"{\w+}", other[key])) == set(re.findall(r"{\w+}", sentence)), key


def house_sentences() -> set[str]:
    """Return every sentence that a template of the house asks for, and the words that rows bring."""
    rows = (AppointmentStatus, RunStatus, MoveStatus, RunKind, Role)
    found = {word.value.replace("_", " ") for words in rows for word in words} | set(POLICY_NAMES)
    for path in (HERE / "templates").glob("*.html"):
        asked = extract_from_ast(templates.env.parse(path.read_text()), gettext_functions=("_",), babel_style=True)
        found |= {args if isinstance(args, str) else args[0] for _, _, args in asked if args and args != (None,)}
    return found - {None}


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_every_sentence_of_the_house_is_translated_with_the_same_braces(language):
    words = house_catalogue(language)
    assert sorted(house_sentences() - words.keys()) == []
    for english, sentence in words.items():
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", english)), english


def test_what_nobody_has_translated_is_said_in_english_and_braces_in_names_stay():
    assert Words("de").text("A sentence {that} nobody knows.") == "A sentence {that} nobody knows."
    assert Words("de").text("Accept these {n} together", n=3) == "Diese 3 zusammen annehmen"


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
    # No line ends within it, as one may after a hyphen.
    assert "UTC\N{MINUS SIGN}03:00" in Words("en").zone(ZoneInfo("America/Sao_Paulo"), winter)[1]


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
