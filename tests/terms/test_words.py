"""The terms of words, identifiers and scripts without spaces, and texts that are made to take long."""

from __future__ import annotations

import time
from typing import get_args

import pytest
import Stemmer
from hypothesis import given
from hypothesis import strategies as st

from svc.settings.terms import TextLanguage
from svc.terms.splitting import MOST_CHARACTERS
from svc.terms.words import MOST_TERMS, TERM_COUNT, Words, term

ENGLISH = Words("english")


def letters(text: str, words: Words = ENGLISH) -> list[str]:
    """The terms of the text as words, found among all words of the test."""
    found = words.query(text).counts
    return [each for each in KNOWN if term(each) in found]


KNOWN = [
    "asn1_der_coding", "asn1", "asn", "der", "code", "parsehttphead", "pars", "http", "header", "john", "don", "homm",
    "brien", "covid19", "covid", "19", "__init__", "init", "pdf", "iphon", "phone", "strass", "financ", "full",
    "cooper", "café", "2019", "python", "東京", "京都", "言語", "東", "สว", "हिन्दी", "한국", "국어", "हमारी",
    "f", "c", "vitamin", "t", "s", "l", "o", "the", "to",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Coding codes", ["code"]),
        ("asn1_der_coding", ["asn1_der_coding", "asn1", "asn", "der", "code"]),
        ("parseHTTPHeader", ["parsehttphead", "pars", "http", "header"]),
        ("COVID19", ["covid19", "covid", "19"]),
        ("__init__", ["__init__", "init"]),
        ("____ --- ...", []),
        ("PDFs and a PDF", ["pdf"]),
        ("iPhones", ["iphon", "phone"]),
        ("John's", ["john"]),
        ("don’t", ["don"]),
        ("l'homme", ["homm"]),
        ("O'Brien", ["brien"]),
        ("vitamin C", ["c", "vitamin"]),
        ("Straße, STRASSE", ["strass"]),
        ("\ufb01nance", ["financ"]),
        ("Ｆｕｌｌ", ["full"]),
        ("co\u00adoperate", ["cooper"]),
        ("cafe\u0301", ["café"]),
        ("2019", ["2019"]),
        ("the THE To", []),
        ("東京都", ["東京", "京都"]),
        ("Python言語", ["python", "言語"]),
        ("東", ["東"]),
        ("한국어", ["한국", "국어"]),
        ("हिन्दी", ["हिन्दी"]),
    ],
)
def test_the_terms_of_a_text(text: str, expected: list[str]) -> None:
    assert letters(text) == expected
    if expected:
        assert len(ENGLISH.query(text).counts) == len(expected)


def test_a_part_of_an_identifier_finds_it() -> None:
    stored = ENGLISH.document("Call asn1_der_coding() and parseHTTPHeader().").counts
    for query in ("asn1_der_coding", "ASN1", "asn", "coding", "HTTP header", "parsehttpheader", "parsing"):
        assert ENGLISH.query(query).counts.keys() <= stored.keys(), query


def test_one_ideograph_finds_a_text_and_does_not_lengthen_it() -> None:
    stored = ENGLISH.document("東京都は猫の街")
    assert ENGLISH.query("猫").counts.keys() <= stored.counts.keys()
    assert stored.length == 6


def test_other_languages_and_none() -> None:
    german = Words("german")
    assert german.query("Häuser").counts == german.query("Haus").counts
    assert german.query("the").counts != {}
    none = Words("none")
    assert none.query("codes").counts != none.query("code").counts
    assert none.query("the").counts == {term("the"): 1}


def test_a_script_has_stems_of_its_own() -> None:
    for one, other in (("документация", "Документацию"), ("الكتاب", "كتاب"), ("βιβλία", "βιβλίου")):
        for words in (ENGLISH, Words("german"), Words("russian"), Words("arabic"), Words("greek")):
            assert words.query(one).counts == words.query(other).counts
            assert words.document(f"{one} codes").counts.keys() == words.document(f"codes {other}").counts.keys()
        assert Words("none").query(one).counts != Words("none").query(other).counts
    # The language of the settings takes precedence over that of the script.
    special: tuple[tuple[TextLanguage, str], ...] = (("serbian", "књиге"), ("persian", "کتاب‌ها"))
    for language, word in special:
        found = Words(language).query(word).counts
        assert found == Words(language).query(word.upper()).counts
        stems = [Stemmer.Stemmer(language, 0).stemWord(part) for part in word.split("\u200c")]
        assert found.keys() == {term(stem) for stem in stems if stem}


def test_every_language_of_the_setting_has_a_stemmer() -> None:
    languages = set(get_args(TextLanguage)) - {"none"}
    assert languages == set(Stemmer.algorithms()) - {"porter", "dutch_porter"}


def test_places_are_those_of_the_text() -> None:
    text = "The “HTTPServer2” of John’s, in 東京 today"
    places = [(text[begin:end], len(terms)) for begin, end, terms in ENGLISH.places(text)]
    assert places == [
        ("The", 0), ("HTTPServer2", 3), ("of", 0), ("John’s", 1), ("in", 0),
        ("東", 1), ("東京", 1), ("京", 1), ("today", 1),
    ]  # fmt: skip


@given(st.text(max_size=300))
def test_terms_are_numbers_and_a_query_finds_its_own_text(text: str) -> None:
    stored, query = ENGLISH.document(text), ENGLISH.query(text)
    assert all(1 <= each <= TERM_COUNT and count > 0 for each, count in stored.counts.items())
    assert query.counts.keys() <= stored.counts.keys()
    assert query.length == stored.length == sum(query.counts.values())
    assert query.counts.keys() <= {each for *_, terms in ENGLISH.places(text) for each in terms} <= stored.counts.keys()


HOSTILE = {
    "marks": "a" + "\u0316\u0300" * MOST_CHARACTERS,
    "long ligatures": "\ufdfa" * MOST_CHARACTERS,
    "one word": "x" * MOST_CHARACTERS,
    "parts": "aB" * MOST_CHARACTERS,
    "underscores": "_a" * MOST_CHARACTERS,
    "digits": "a1" * MOST_CHARACTERS,
    "apostrophes": "a'" * MOST_CHARACTERS,
    "different words": " ".join(f"w{number}x" for number in range(MOST_CHARACTERS)),
    "ideographs": "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(MOST_CHARACTERS)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_text_is_bounded(kind: str) -> None:
    started = time.process_time()
    found = ENGLISH.document(HOSTILE[kind] * 2)
    assert len(found.counts) <= MOST_TERMS
    # If the time grew with the square of the length, this would take minutes.
    assert time.process_time() - started < 20
