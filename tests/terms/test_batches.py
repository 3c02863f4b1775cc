"""The terms of a batch equal those of each text by definition, and the words equal those of the regular expression."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from svc.settings.terms import TextLanguage
from svc.terms import vocabulary
from svc.terms.batches import BatchTerms
from svc.terms.by_language import LanguageWords
from svc.terms.counting import TextTerms
from svc.terms.splitting import found_words, word_pattern
from svc.terms.weights import keys_of, text_weights
from tests.lengths import length

TENANT = uuid4()
PIECES = [
    "Coding", "codes", "the", "of", "asn1_der_coding", "parseHTTPHeader", "JSONs", "PDFs", "iPhones", "John's", "don’t",
    "rock'n'roll", "'quoted'", "a'b'c'd'e'f", "x" * 70, "y" * 2_500, "3.14", "2026-11-28", "C++", "–", "“smart”", "…",
    "naïve", "größe", "東京都", "한국어", "ภาษาไทย", "हिन्दी", "\u00ad", "\u200d", "\u00a0", "\n", "\t", "_", "__init__",
    "é", "e\u0301", "\x01", "a’b’c’d’e’f", "d’un", "¶", "\U0001f600", "\U00020000", "\ud800", "都",
]  # fmt: skip


def drawn(chance: random.Random) -> str:
    separators = [" ", "  ", "\n", "", ", ", "-", "'", "’"]
    pieces = "".join(chance.choice(PIECES) + chance.choice(separators) for _ in range(chance.randint(0, 60)))
    return f"{chance.choice(SENTENCES)} {pieces}" if chance.random() < 0.5 else pieces


SENTENCES = [
    "Der Dienst speichert die Dateien und nicht die Verzeichnisse, wenn sie mit dem Namen der Häuser beginnen.",
    "Les documents sont dans une base, et le service ne les lit pas sans les clés qui sont pour cette base.",
    "The files that have been stored with this key are those which you can read, but not the others.",
    "Los documentos que están en las bases no son los que el servicio lee por las claves de una persona.",
]


def by_definition(words: LanguageWords, text: str) -> TextTerms | None:
    counted = words.document(text)
    if not counted.counts:
        return None
    weights = text_weights(counted)
    return TextTerms(keys_of(weights, TENANT), weights)


@pytest.mark.parametrize("language", ["english", "none", "german"])
def test_a_batch_has_the_terms_of_each_text(language: TextLanguage) -> None:
    chance = random.Random(5)
    texts = [drawn(chance) for _ in range(length(200, 5_000))]
    texts += ["", " ", "the of", " ".join(f"word{number}x" for number in range(9_000))]
    # Too few frequent words to tell a language: only two different ones, four, and six among many others.
    texts += ["und der " * 9 + "Häuser", "und der ist nicht Häuser", "und der ist nicht von mit" + " Häuser" * 90]
    batches, words = BatchTerms(LanguageWords(language)), LanguageWords(language)
    expected = [by_definition(words, text) for text in texts]
    for size in (1, 7, 50):
        parts = (texts[first : first + size] for first in range(0, len(texts), size))
        assert [each for part in parts for each in batches.of(part, TENANT)[0]] == expected


def test_the_words_are_those_that_the_regular_expression_finds() -> None:
    chance = random.Random(6)
    for _ in range(length(500, 20_000)):
        text = drawn(chance)
        words = [word.replace("’", "'") for word in word_pattern(text).findall(text)]
        assert [word.replace("’", "'") for word in found_words(text)] == words


def test_threads_share_a_vocabulary_that_is_replaced_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_MOST_WORDS", 300)
    chance, words = random.Random(7), LanguageWords("english")
    batches = BatchTerms(words)
    work = [[" ".join(f"term{chance.randint(1, 5_000)}" for _ in range(30)) for _ in range(5)] for _ in range(100)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda texts: batches.of(texts, TENANT)[0], work))
    assert found == [[by_definition(words, text) for text in texts] for texts in work]
