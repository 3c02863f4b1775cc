"""Reads JSON that contains one long text, piece by piece, while it arrives.

A decoder of whole documents holds the interpreter's lock from the first byte to the last: a hundred milliseconds or
more for a text of 32 MiB, during which no other request makes progress. Here the long string is cut at places that are
no part of an escape or of a character, and each piece is decoded by itself. The rest of the document is small, and is
decoded as a whole, with a placeholder for the text.
"""

from __future__ import annotations

import re
import secrets

import msgspec

from svc.errors import MalformedRequestError, TooLargeError

LONG_BYTES = 128 * 2**10
"""A string of more bytes than this is long. No string of metadata is, however it is escaped."""

MAX_REST_BYTES = 256 * 2**10
"""The most bytes besides the long text."""

_PIECE_BYTES = 128 * 2**10
# The inside of a string as far as it is complete: a high surrogate is escaped together with the low one that follows.
_INSIDE = re.compile(
    rb'(?>[^"\\\x00-\x1f]++|\\[^u]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4})*+'
)
_LONGEST_ESCAPE_BYTES = len(rb"\ud83e\udd8a")
_BROKEN = "the body cannot be read as JSON: a string in it is not valid"


class LongTextReader:
    """Takes the bytes of a JSON document as they arrive. `rest` is the document with a placeholder for the long text.

    A document without a long text is in `rest` as it was sent. `text_bytes` is the size of the text so far.
    """

    def __init__(self) -> None:
        self.rest = bytearray()
        self.text_bytes = 0
        # Random, so that no document can contain it.
        self.placeholder = secrets.token_hex(16)
        self._pieces: list[bytes] = []
        self._waiting = bytearray()
        # Where in the rest the present string began, or None outside of strings.
        self._start: int | None = None
        self._is_long = False

    @property
    def has_text(self) -> bool:
        """Whether a long text was found."""
        return bool(self._pieces)

    @property
    def text(self) -> bytes:
        """The long text in UTF-8, without its escapes."""
        return b"".join(self._pieces)

    def feed(self, data: bytes | bytearray) -> None:
        """Read more of the document.

        Raises:
            TooLargeError: there is more than one long text, or more than `MAX_REST_BYTES` besides it.
            MalformedRequestError: a string is not valid JSON.
        """
        for start in range(0, len(data), _PIECE_BYTES):
            self._waiting += data[start : start + _PIECE_BYTES]
            self._read()

    def finish(self) -> None:
        """End the document: the remaining text belongs to a string that does not end, which a decoder refuses."""
        self.rest += self._waiting
        self._waiting.clear()

    def _read(self) -> None:
        data, place = bytes(self._waiting), 0
        while place < len(data):
            if self._start is None:
                place = self._read_outside(data, place)
                continue
            end = _INSIDE.match(data, place).end()  # type: ignore[union-attr]  # it matches the empty string too
            if end < len(data) and data[end] == ord('"'):
                self._take(data[place:end])
                self._end_string()
                place = end + 1
                continue
            if end < len(data) - _LONGEST_ESCAPE_BYTES or (end < len(data) and data[end] != ord("\\")):
                raise MalformedRequestError(_BROKEN)
            end -= _incomplete_character(data[max(place, end - 3) : end])
            self._take(data[place:end])
            place = end
            break
        del self._waiting[:place]

    def _read_outside(self, data: bytes, place: int) -> int:
        quote = data.find(b'"', place)
        end = len(data) if quote < 0 else quote + 1
        self._add(data[place:end])
        if quote >= 0:
            self._start = len(self.rest)
        return end

    def _take(self, inside: bytes) -> None:
        """Take a part of a string, which becomes the long text as soon as the string is long."""
        assert self._start is not None
        if not self._is_long and len(self.rest) - self._start + len(inside) <= LONG_BYTES:
            self._add(inside)
            return
        if not self._is_long:
            if self._pieces:
                raise TooLargeError(f"the body has more than one string of over {LONG_BYTES:,} bytes")
            self._is_long = True
            inside = bytes(self.rest[self._start :]) + inside
            del self.rest[self._start :]
        try:
            piece = msgspec.json.decode(b'"' + inside + b'"', type=str).encode()
        except (msgspec.DecodeError, UnicodeError):
            raise MalformedRequestError(_BROKEN) from None
        self.text_bytes += len(piece)
        self._pieces.append(piece)

    def _end_string(self) -> None:
        if self._is_long:
            self.rest += self.placeholder.encode()
        self._is_long = False
        self._start = None
        self._add(b'"')

    def _add(self, data: bytes) -> None:
        self.rest += data
        if len(self.rest) > MAX_REST_BYTES:
            raise TooLargeError(f"the body has more than {MAX_REST_BYTES:,} bytes besides the text")


def _incomplete_character(data: bytes) -> int:
    """Return how many of up to three bytes at the end begin a character of UTF-8 without completing it."""
    for back, byte in enumerate(reversed(data), start=1):
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if back < length else 0
        if byte < 0x80:
            break
    return 0
