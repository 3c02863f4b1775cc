"""The stems of words: in the language of the settings, and for some scripts in the language that is written in them.

A query is too short to detect its language by its words, but a script shows it. Russian, Greek and Arabic words
therefore have stems in addition to those of another language, the same in texts and queries.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import Stemmer

from svc.settings.terms import TextLanguage

# The blocks of the scripts, each with the language whose stemmer serves its words. Snowball has none for Ukrainian
# and Bulgarian, whose endings resemble those of Russian, and words of Persian mostly stay as they are.
_SCRIPTS: tuple[tuple[int, int, TextLanguage], ...] = (
    (0x0370, 0x03FF, "greek"),
    (0x1F00, 0x1FFF, "greek"),
    (0x0400, 0x052F, "russian"),
    (0x0600, 0x06FF, "arabic"),
)
_FIRST = min(first for first, _, _ in _SCRIPTS)
# These languages are written in one of the scripts; the one in the settings determines the stems of its words.
_OTHERS: dict[TextLanguage, TextLanguage] = {"serbian": "russian", "persian": "arabic"}


class Stems:
    """Finds stems; any number of threads can use one object."""

    def __init__(self, language: TextLanguage) -> None:
        self._own = None if language == "none" else Stemmer.Stemmer(language, 0)
        replaced = _OTHERS.get(language, language)
        self._of_scripts = [
            (first, last, Stemmer.Stemmer(other, 0))
            for first, last, other in (() if language == "none" else _SCRIPTS)
            if other != replaced
        ]
        self._lock = threading.Lock()

    def of(self, word: str) -> str:
        """The stem of a word without regard to case. Its first letter decides on the script; it can be empty."""
        stemmer = self._own
        code = ord(word[0]) if word else 0
        if code >= _FIRST:
            stemmer = next((one for first, last, one in self._of_scripts if first <= code <= last), stemmer)
        if stemmer is None:
            return word
        with self._lock:
            return str(stemmer.stemWord(word))

    def of_ascii(self, words: Sequence[str]) -> Sequence[str]:
        """The stems of words of ASCII letters and digits, by one call of the stemmer."""
        if self._own is None:
            return words
        with self._lock:
            return list(self._own.stemWords(words))
