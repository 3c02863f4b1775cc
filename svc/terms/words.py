"""The terms of a text: words in their stems, identifiers with their parts, and pairs of characters.

    words          "Coding" and "codes" are both `code`: the stem in the language of the settings, or of the script
    identifiers    "asn1_der_coding" is itself, and `asn1`, `asn`, `der` and `code`; "parseHTTPHeader" is itself, and
                   `pars`, `http` and `header`
    no spaces      "東京都" is `東京` and `京都`; in a document also each of the ideographs, so that a query of one
                   finds it

A term is a number from 1 to 10^9, a hash of its letters. Terms are the same on every machine and in every release of
the same Snowball stemmers. Characters are compatible forms (NFKC) without regard to case.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from typing import get_args

from svc.settings.terms import TextLanguage
from svc.terms.characters import HAN, JOINERS, UNSPACED, mark_class
from svc.terms.splitting import MOST_CHARACTERS, found_words, word_pattern
from svc.terms.stemming import Stems

TERM_COUNT = 10**9
"""Terms are numbers from 1 to this one, which is also the largest dimension of a sparsevec."""

# The maximum number of terms of a text. The texts of chunks and queries have far fewer.
MOST_TERMS = 8_000

STOP_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not",
    "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will",
    "with",
})  # fmt: skip
"""The English words that Lucene leaves out."""

_LONGEST_KEPT = 64  # longer words are not kept, and longer identifiers are not taken apart
_MOST_KEPT = 50_000
_MOST_MARKS = 8  # that follow one another; normalizing takes time by their square

_PLAIN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_ACRONYMS = re.compile(r"[A-Z]{2,}s")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\x00-\x7f]+")
_DIGITS = re.compile(r"\d+|\D+")
_APOSTROPHE = re.compile("['’]")
_NOT_LETTERS = re.compile(r"[\d_]")


def prepare() -> None:
    """Make the tables of the characters of all scripts, which takes 80 ms.

    Otherwise the first query in a non-Latin script would block the event loop for that time.
    """
    word_pattern("\N{HIRAGANA LETTER A}")
    found_words("\N{HIRAGANA LETTER A}")
    _many_marks()


@cache
def _many_marks() -> re.Pattern[str]:
    return re.compile(f"([{mark_class()}]{{{_MOST_MARKS}}})[{mark_class()}]+")


@dataclass(frozen=True)
class Counts:
    """How often each term occurs in a text, and the number of terms: the length of the text."""

    counts: dict[int, int]
    length: int


class Words:
    """Finds the terms of texts in one language; any number of threads can use one object."""

    def __init__(self, language: TextLanguage, stop_words: frozenset[str] | None = None) -> None:
        """`stop_words` are omitted; None: those of the language."""
        self.language: TextLanguage = language
        self.stop_words = (STOP_WORDS if language == "english" else frozenset()) if stop_words is None else stop_words
        self._stems = Stems(language)
        self._kept: dict[str, tuple[int, ...]] = {}
        self._kept_stems: dict[str, list[str]] = {}

    def document(self, text: str) -> Counts:
        """The terms of a text that is stored."""
        counts, length = self._counted(text)
        # Not counted in the length, so that they do not weaken the pairs.
        counts.update(Counter(ideographs(text)))
        if len(counts) > MOST_TERMS:
            counts = dict(list(counts.items())[:MOST_TERMS])
        return Counts(counts, length)

    def found(self, text: str) -> list[str]:
        """The words of a text in order, as they are written but for the form of an apostrophe."""
        return found_words(text)

    def terms_of(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The terms of each of these words. Omitted words have none."""
        plain = [word for word in words if _PLAIN.fullmatch(word) and len(word) <= _LONGEST_KEPT]
        found = dict(zip(plain, self._plain_terms(plain), strict=True))
        return [found[word] if word in found else self._terms(word) for word in words]

    def _plain_terms(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The terms of words of ASCII letters or digits, as `_spaced` finds them, by one call of the stemmer."""
        folded = [word.lower() for word in words]
        stems = self._stems.of_ascii(folded)
        return [
            (_kept_term(stem),) if stem and word not in self.stop_words else ()
            for word, stem in zip(folded, stems, strict=True)
        ]

    def query(self, text: str) -> Counts:
        """The terms of a query. Words that a document omits are omitted."""
        return Counts(*self._counted(text))

    def places(self, text: str) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """The words of a text in order: begin, end, and the terms of each. Words that are left out have none.

        The ideographs and pairs of characters of a script without spaces are the words, and overlap.
        """
        for word in word_pattern(text).finditer(text, 0, MOST_CHARACTERS):
            if (
                word[0].isascii()
                or not UNSPACED.search(word[0])
                or _APOSTROPHE.search(word[0])
                or _normal(word[0]) != word[0]
            ):
                yield word.start(), word.end(), self.of_word(word[0])
            else:
                yield from self._places_in(word[0], word.start())

    def _places_in(self, word: str, start: int) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """The words in a run of letters of which some belong to a script without spaces. The run begins at `start`."""
        end = 0
        for run in UNSPACED.finditer(word):
            if run.start() > end:
                yield start + end, start + run.start(), self.of_word(word[end : run.start()])
            end = run.end()
            for at in range(run.start(), end):
                if HAN.fullmatch(word[at]) or len(run[0]) == 1:
                    yield start + at, start + at + 1, (term(word[at]),)
                if at + 1 < end:
                    yield start + at, start + at + 2, (term(word[at : at + 2]),)
        if end < len(word):
            yield start + end, start + len(word), self.of_word(word[end:])

    def _counted(self, text: str) -> tuple[dict[int, int], int]:
        counts: dict[int, int] = {}
        length = 0
        kept = self._kept
        for word, count in counted_words(text).items():
            terms = kept.get(word)
            if terms is None:
                terms = self.of_word(word)
            for each in terms:
                counts[each] = counts.get(each, 0) + count
            length += count * len(terms)
        return counts, length

    def of_word(self, word: str) -> tuple[int, ...]:
        """The terms of one word. An omitted word has none."""
        terms = self._kept.get(word)
        if terms is None:
            terms = self._terms(word)
            if len(word) <= _LONGEST_KEPT:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[word] = terms
        return terms

    def _terms(self, word: str) -> tuple[int, ...]:
        number_of = _kept_term if len(word) <= _LONGEST_KEPT else term
        return tuple(map(number_of, self._letters(word)))

    def _letters(self, word: str) -> list[str]:
        """The terms of a word as letters. A word can hold several in other scripts or after normalization."""
        if word.isascii() and "'" not in word:
            return self._spaced(word)
        if not word.isascii():
            word = _normal(word)
        pieces = [piece for piece in _APOSTROPHE.split(word) if piece]
        letters: list[str] = []
        for piece in pieces:
            # The letter before or after an apostrophe is not a word: "John's", "don't", "l'homme".
            if len(piece) > 1 or len(pieces) == 1 or piece.isdigit():
                letters += self._mixed(piece)
        return letters

    def _mixed(self, word: str) -> list[str]:
        if word.isascii():
            return self._spaced(word)
        letters: list[str] = []
        end = 0
        for run in UNSPACED.finditer(word):
            letters += self._spaced(word[end : run.start()])
            letters += _pairs(run[0])
            end = run.end()
        return letters + self._spaced(word[end:])

    def _spaced(self, word: str) -> list[str]:
        """The terms of a word of a script with spaces: its stem, or an identifier and the stems of its parts."""
        if _ACRONYMS.fullmatch(word):
            word = word[:-1]
        is_word = not _NOT_LETTERS.search(word)
        if _PLAIN.fullmatch(word) or (is_word and not word.isascii()):
            return self._stem(word)
        if not word.strip("_"):
            return []
        # Letters alone are a word, whatever their case: "iPhones" is the plural of "iphone".
        own = self._stem(word) if is_word else [_folded(word)]
        if len(word) > _LONGEST_KEPT:
            return own
        return own + [part for part in dict.fromkeys(self._parts(word)) if part not in own]

    def _parts(self, word: str) -> list[str]:
        letters: list[str] = []
        for piece in word.split("_"):
            parts = _PART.findall(piece) if piece.isascii() else _DIGITS.findall(piece)
            if len(parts) > 1 and piece != word:
                letters.append(_folded(piece))
            for part in parts:
                # A single letter or digit would match too many texts.
                if len(part) > 1:
                    letters += self._kept_stem(part)
        return letters

    def _kept_stem(self, part: str) -> list[str]:
        """The stem of a part of an identifier; most occur in many."""
        stem = self._kept_stems.get(part)
        if stem is None:
            if len(self._kept_stems) >= _MOST_KEPT:
                self._kept_stems.clear()
            stem = self._kept_stems[part] = self._stem(part)
        return stem

    def _stem(self, word: str) -> list[str]:
        word = _folded(word)
        if word in self.stop_words:
            return []
        stem = self._stems.of(word)
        return [stem] if stem else []


def has_ideographs(word: str) -> bool:
    """Whether a document has terms other than those of its words."""
    return not word.isascii() and HAN.search(word) is not None


def ideographs(text: str) -> list[int]:
    """The terms of the ideographs of a document, in order."""
    return [] if text.isascii() else [_kept_term(each) for each in HAN.findall(text, 0, MOST_CHARACTERS)]


def counted_words(text: str) -> Counter[str]:
    """How often each word occurs in a text."""
    return Counter(word_pattern(text).findall(text, 0, MOST_CHARACTERS))


def _normal(word: str) -> str:
    for joiner in JOINERS:
        word = word.replace(joiner, "")
    return unicodedata.normalize("NFKC", _many_marks().sub(r"\1", word))


def _folded(word: str) -> str:
    folded = word.casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFKC", folded)


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [first + second for first, second in itertools.pairwise(run)]


def term(letters: str) -> int:
    """The number of a term."""
    digest = blake2b(letters.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % TERM_COUNT + 1


_kept_term = lru_cache(_MOST_KEPT)(term)


LANGUAGES: tuple[str, ...] = get_args(TextLanguage)
