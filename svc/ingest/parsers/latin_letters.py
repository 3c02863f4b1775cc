"""Recognizes the encoding of a text in the Latin script by the letters that its language has besides those of ASCII.

The Polish `ą` of ISO-8859-2 is `±` in Windows-1252, and the Turkish `ş` of Windows-1254 is `þ`. The statistics of
`charset-normalizer` find both as likely.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from operator import itemgetter
from typing import Final

# In lower case, the rare letters of a language behind a space. Those of one line have the same encodings.
_LANGUAGES: Final = tuple(
    {letter: weight for letters, weight in zip(each.split(), (1.0, 0.8), strict=False) for letter in letters}
    for each in (
        "àçèéê âæëîïôœùûüÿ", "äöüß", "áéíóñú çªºü", "ãáçéêíõó àâôúü", "àèéìòù íîó", "àçèéíòó ïúü", "äåöé", "åæøé òô",
        "áæéíðóöúýþ", "ëïé äèóöü",
        "ąćęłńóśźż", "áčéěířšůýž ďňóťú", "áäčéíľšťúýž ďĺňóôŕ", "áéíóöőúüű", "čćđšž", "ăâîşţ", "ëç",
        "çğıöşü âîû", "ąčęėįšųūž", "āčēīļņšūž ģķ", "äõöü šž",
    )
)  # fmt: skip
# The first one counts if several have the same letters in the same places.
_CODECS: Final = ("cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257", "cp850", "cp852", "mac_roman")
_MARKS: Final = frozenset("\u00a0§°©®«»·–—‘’“”„…€£•¡¿´")
_OPENING: Final = frozenset("„¿¡")
_WORD: Final = re.compile(r"[^\W\d_]+")
_MARKED: Final = re.compile(r".?[^\x00-\x7f].?", re.DOTALL)
_LEAST_SHARE: Final = 0.9
_LEAST_LEADING: Final = 0.6
_LEAST_LEAD: Final = 0.2
_OLD_LESS: Final = 0.05  # of the share, for an encoding that hardly occurs any more
_LEAST_CHARACTERS: Final = 2


def latin_codec(data: bytes) -> str | None:
    """The codec in which nearly all letters of a text belong to one language; None if there are few, or no such."""
    shares = {codec: _share(data, codec) for codec in _CODECS}
    shares["mac_roman"] -= _OLD_LESS
    found, best = max(shares.items(), key=itemgetter(1))  # the first one of several
    second = max(share for codec, share in shares.items() if codec != found)
    return found if best >= _LEAST_SHARE or (best >= _LEAST_LEADING and best - second >= _LEAST_LEAD) else None


def _share(data: bytes, codec: str) -> float:
    """How many of the characters that are not ASCII are usual in one language, from 0 to 1."""
    text = data.decode(codec, errors="replace")
    others = Counter(each for each in text if not each.isascii())
    count = others.total()
    # A capital behind a small letter, and a mark inside of a word, are letters of another encoding.
    wrong = sum(_wrong_in(word) for word in _WORD.findall(text) if not word.isascii())
    wrong += sum(_is_wrong(each) for each in _MARKED.findall(text))
    letters = Counter[str]()
    for each, times in others.items():
        letters[each.lower()] += times
    marks = sum(times for each, times in others.items() if each in _MARKS)
    if count < _LEAST_CHARACTERS:
        return 0.0
    most = max(sum(letters[each] * weight for each, weight in language.items()) for language in _LANGUAGES)
    return (most + marks - wrong) / count


def _wrong_in(word: str) -> int:
    if word.isupper():
        return 0
    pairs = pairwise(word)
    return sum(a.islower() and b.isupper() and not (a.isascii() and b.isascii()) for a, b in pairs)


def _is_wrong(around: str) -> bool:
    """Whether a mark has a letter on the side where it has none."""
    at = next(place for place, each in enumerate(around) if not each.isascii())
    before, mark, behind = around[:at], around[at], around[at + 1 :]
    if mark not in _MARKS or mark in "’·\u00a0":
        return False
    return before.isalpha() and (behind.isalpha() or mark in _OPENING)
