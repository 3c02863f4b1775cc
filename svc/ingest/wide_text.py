"""Recognizes UTF-16 and UTF-32 without a byte order mark, in any script."""

from __future__ import annotations

import codecs
import unicodedata

_SAMPLE_BYTES = 2_048
_LEAST_CHARACTERS = 8
_CODECS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# A control other than white space, a half of a character, one for private use, and one that Unicode does not have.
_NOT_OF_TEXT = ("Cc", "Cs", "Co", "Cn")
_MOST_BLOCKS = 4  # of 256 characters, in which a script other than the ideographs is
_USUAL = frozenset(" \n\u3000\u3001\u3002")
_IDEOGRAPHS = range(0x30, 0xA0)


def wide_codec(sample: bytes) -> str | None:
    """The codec of a text with two or four bytes per character; None if it is not such a text."""
    best, most = None, 0
    for codec in _CODECS:
        count = _usual_characters(sample[:_SAMPLE_BYTES], codec)
        if count > most:
            best, most = codec, count
    return best


def _usual_characters(sample: bytes, codec: str) -> int:
    """The number of blanks, newlines and full stops; 0 if it is not a text in this encoding."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return 0
    if len(text) < _LEAST_CHARACTERS:
        return 0
    if any(unicodedata.category(each) in _NOT_OF_TEXT and each not in "\t\n\f\r" for each in text):
        return 0
    blocks = {ord(each) >> 8 for each in text}
    scripts = {min(block, _IDEOGRAPHS.start) if block in _IDEOGRAPHS else block for block in blocks}
    return sum(each in _USUAL for each in text) if len(scripts) <= _MOST_BLOCKS else 0
