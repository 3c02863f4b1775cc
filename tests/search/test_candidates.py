"""The words by which a search by keywords selects the texts that it compares."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest

from svc.search.candidates import WordPairs, rarest_words, word_pairs
from svc.terms.by_language import QueryWord
from svc.terms.weights import Scale

# The shares of the words 1, 2, …, which are not in order.
SHARES = [0.3, 0.01, 0.2, 0.1, 0.02]


def word(number: int) -> QueryWord:
    return {number: {"english": 1}}


WORDS = [word(number) for number in range(1, len(SHARES) + 1)]
ALL = {1, 2, 3, 4, 5}
SCALE = Scale(1_000, dict(enumerate(SHARES, start=1)), 0.001, {"english": 1.0})


def numbers(words: Sequence[QueryWord]) -> set[int]:
    return {term for word in words for term in word}


def selects(pairs: WordPairs, text: set[int]) -> bool:
    sides = [(pairs.left_1, pairs.right_1), (pairs.left_2, pairs.right_2)]
    return any(text & numbers(left) and text & numbers(right) for left, right in sides)


@pytest.mark.parametrize(
    ("budget", "rarest"), [(0.0, {2}), (0.035, {2, 5}), (0.14, {2, 4, 5}), (1.0, ALL), (None, ALL)]
)  # fmt: skip
def test_the_rarest_words_are_within_the_budget(budget: float | None, rarest: set[int]) -> None:
    assert numbers(rarest_words(WORDS, SCALE, budget)) == rarest


@pytest.mark.parametrize("count", range(5))
def test_a_text_with_two_of_the_words_is_selected(count: int) -> None:
    pairs = word_pairs(WORDS[:count], SCALE, 1.0)
    for size in range(count + 1):
        for text in combinations(range(1, count + 1), size):
            assert selects(pairs, {*text}) == (size >= 2), text


def test_only_the_rarest_four_are_paired() -> None:
    pairs = word_pairs(WORDS, SCALE, 1.0)
    assert selects(pairs, {3, 4})
    assert not selects(pairs, {1, 2})


@pytest.mark.parametrize(("budget", "paired"), [(0.0003, 0), (0.0004, 2), (0.0064, 3), (0.0584, 4)])
def test_pairs_of_frequent_words_are_within_the_budget(budget: float, paired: int) -> None:
    """Words of one query are counted as if they occurred together twice as often as by chance."""
    pairs = word_pairs(WORDS, SCALE, budget + 1e-9)
    rarest = sorted(range(1, len(WORDS) + 1), key=lambda number: SHARES[number - 1])
    expected = {*combinations(rarest[:paired], 2)}
    assert {pair for pair in combinations(rarest, 2) if selects(pairs, {*pair})} == expected
