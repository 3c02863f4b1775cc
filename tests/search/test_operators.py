"""The operators of a query: exact phrases and excluded words."""

from __future__ import annotations

import pytest

from svc.search.operators import MOST_OPERATORS, ReadQuery, pattern, read_query


@pytest.mark.parametrize(
    ("query", "text", "required", "excluded"),
    [
        ('comet "long period" -Halley', "comet long period ", ["long period"], ["Halley"]),
        ("“curved  marks” too", "curved marks too", ["curved marks"], []),
        ('a -"long period" comet', "a  comet", [], ["long period"]),
        ('-"a, b" -cd-e. f', "  f", [], ["a, b", "cd-e"]),
        ('say "no"!', "say no!", ["no"], []),
    ],
)  # fmt: skip
def test_phrases_and_excluded_words_are_read(query: str, text: str, required: list[str], excluded: list[str]) -> None:
    assert read_query(query) == ReadQuery(text, required, excluded)


@pytest.mark.parametrize(
    "query",
    [
        'pipes of 5" and 3"', "minus -5 degrees", "the option -v", "a well-known fact", "a - b", "--flag", 'one " mark',
        '{"key": "value"}', "-only -excluded", "a–b", f'"{"x" * 201}"', '("brackets")', 'print("text")',
        f"a -{'x' * 201}",
        " ".join(f'"{n}"' for n in range(MOST_OPERATORS + 1)),
    ],
)  # fmt: skip
def test_other_marks_are_no_operators(query: str) -> None:
    assert read_query(query) == ReadQuery(query)


def test_an_empty_phrase_requires_nothing() -> None:
    assert read_query('"" comet “ ”') == ReadQuery(" comet ")


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("long period", r"\mlong\s+period\M"),
        ("C++ (2011)", r"\mC\+\+\s+\(2011\)"),
        ("Été", "[Éé]t[Éé]"),
        ("東京", "東京"),
    ],
)  # fmt: skip
def test_a_pattern_finds_whole_words_in_any_case(phrase: str, expected: str) -> None:
    assert pattern(phrase) == expected
