"""Decodes bytes in any encoding into characters that PostgreSQL can store."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar

import charset_normalizer

from svc.ingest.file_types import utf_16_or_32
from svc.ingest.parsers.frequent_letters import likely_codec
from svc.ingest.parsers.latin_letters import latin_codec

_NEWLINE = re.compile("\r\n?|[\x85\u2028\u2029]")
_COLOURS = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")  # of a terminal
_CONTROL = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DETECTION_BYTES = 65_536
_FEW_HIGH_BYTES = 200  # For longer texts, the statistics of all letters are more reliable.
# These single-byte encodings no longer occur in uploads, but the detection rates them as high as current ones.
_UNLIKELY_ENCODINGS = [
    "mac_cyrillic", "mac_greek", "mac_iceland", "mac_latin2", "mac_roman", "mac_turkish", "hp_roman8", "cp1006",
    "iso8859_3", "iso8859_4", "iso8859_10", "iso8859_13", "iso8859_14", "iso8859_16", "cp775", "cp861", "cp863",
]  # fmt: skip

_LATIN_ENCODINGS = ["cp1252", "cp1250", "cp1254", "cp1257", "cp850", "cp852", "iso8859_2"]
_ASCII_LETTER = re.compile(rb"[A-Za-z]")
# It begins only where a word does, or a long word of ASCII letters would be scanned from each of them.
_MIXED_WORD = re.compile(rb"(?<![A-Za-z\x80-\xff])[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_LONE_HIGH_BYTE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")
_JAPANESE = re.compile(rb"\x1b\$[@B].+?\x1b\([BJ]", re.DOTALL)
_KOREAN = b"\x1b$)C"
_OF_ASCII = ("iso2022", "utf-7", "hz")

_uploaded_as: ContextVar[str | None] = ContextVar("the encoding that the upload declared", default=None)


@contextlib.contextmanager
def uploaded_as(charset: str | None) -> Iterator[None]:
    """Decode texts in the encoding that an upload declared, instead of the file's declaration, during the block."""
    token = _uploaded_as.set(charset)
    try:
        yield
    finally:
        _uploaded_as.reset(token)


def clean_text(text: str) -> str:
    """Return `text` without the characters that `text` and `jsonb` cannot store, and with all newlines as LF."""
    text = _NEWLINE.sub("\n", text.replace("\x00", ""))
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text))


def decode_text(data: bytes, declared: str | None = None) -> str:
    """Returns the text of bytes in any encoding; never fails. `declared` is the encoding that the file declares.

    A byte order mark takes precedence, then UTF-8, which no other encoding resembles, then what the upload declared,
    then `declared`, then a guess.
    """
    declared = _uploaded_as.get() or declared
    wide = utf_16_or_32(data[:_DETECTION_BYTES])
    if wide:
        return data.decode(wide, errors="replace").removeprefix("\ufeff")
    if codec := _codec_of_ascii(data, declared):
        return data.decode(codec, errors="replace")
    with contextlib.suppress(UnicodeDecodeError):
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    text = data.decode("utf-8", errors="replace")
    # A few broken characters among many valid ones: UTF-8 that was truncated or concatenated.
    if len(data) - len(text) > 20 * text.count("\ufffd"):
        return text.removeprefix("\ufeff")
    return data.decode(declared or _guess_encoding(data[:_DETECTION_BYTES]), errors="replace")


def _codec_of_ascii(data: bytes, declared: str | None) -> str | None:
    """An encoding whose bytes are all ASCII, and so also valid UTF-8."""
    if declared and declared.startswith(_OF_ASCII):
        return declared
    if b"\x1b" not in data:
        return None
    if _KOREAN in data:
        return "iso2022_kr"
    return "iso2022_jp_2" if _JAPANESE.search(data) else None  # Mails and old files do not always declare it.


def _guess_encoding(sample: bytes) -> str:
    # The sample ends at a line end, since half a character at its end would exclude every multi-byte encoding.
    sample = (sample[: sample.rfind(b"\n") + 1] or sample).replace(b"\x00", b"")
    # Isolated non-ASCII letters indicate a Latin script; in other scripts, whole words consist of them.
    high = len(_HIGH_BYTE.findall(sample))
    around = sum(len(_ASCII_LETTER.findall(word)) for word in _MIXED_WORD.findall(sample))
    is_latin = len(_LONE_HIGH_BYTE.findall(sample)) > 0.7 * high or around >= high
    if is_latin and (codec := latin_codec(sample)):
        return codec
    if high < _FEW_HIGH_BYTES and (codec := likely_codec(sample)):
        return codec
    matches = charset_normalizer.from_bytes(
        sample,
        cp_isolation=_LATIN_ENCODINGS if is_latin else None,
        cp_exclusion=_UNLIKELY_ENCODINGS,
        enable_fallback=False,
    )
    best = matches.best()
    if best is None:
        return "cp1252"
    equals = [one.encoding for one in matches if (one.chaos, one.coherence) == (best.chaos, best.coherence)]
    # If no letter distinguishes them, prefer Western to Central European, which sorts first.
    if "cp1252" in equals:
        return "cp1252"
    return "koi8_u" if best.encoding == "koi8_r" else best.encoding  # which has all its letters
