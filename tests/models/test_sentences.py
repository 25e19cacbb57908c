"""Sentences in English that keep what they are made of."""

from datetime import UTC, date, datetime, timedelta

from models.sentences import Sentence, listed

AT = datetime(2026, 3, 2, 9, 45, tzinfo=UTC)


def test_a_sentence_is_its_english_and_keeps_what_stands_in_it():
    known = {"at": AT, "who": "Ana", "length": timedelta(hours=25), "names": ["Ben", "Cid", "Ben"], "n": 1234}
    told = Sentence.of("{at} with {who}, {length} later, for {names}: {n}.", **known)
    assert told == "Mon 02 Mar 09:45 with Ana, 1 day 1 hour later, for Ben and Cid: 1,234."
    [(english, fields)] = told.parts
    assert english == "{at} with {who}, {length} later, for {names}: {n}."
    assert fields == {
        "at": {"at": "2026-03-02T09:45:00+00:00"},
        "who": "Ana",
        "length": {"minutes": 1500},
        "names": {"names": ["Ben", "Cid"]},
        "n": 1234,
    }


def test_sentences_together_and_within_each_other_keep_all_parts():
    inner = Sentence.of("{n} minutes", n=5)
    both = Sentence.all(
        [Sentence.of("Since {day}.", day=date(2026, 3, 2)), Sentence.of("With {terms}.", terms=[inner])]
    )
    assert both == "Since 02 Mar. With 5 minutes."
    assert both.parts[1] == ("With {terms}.", {"terms": {"names": [[("{n} minutes", {"n": 5})]]}})


def test_braces_in_a_name_are_letters():
    assert Sentence.of("{who} waits.", who="{n} {0} {{") == "{n} {0} {{ waits."


def test_names_are_listed_once_each():
    assert [listed(names) for names in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == [
        "others",
        "A",
        "A and B",
        "A, B and C",
    ]
