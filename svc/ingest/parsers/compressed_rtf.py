"""The compression of RTF in Outlook's messages (MS-OXRTFCP)."""

from __future__ import annotations

import struct

_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans "
    rb"SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_WINDOW = 4096
_HEADER_BYTES = 16
_STORED, _COMPRESSED = 0x414C454D, 0x75465A4C  # "MELA" and "LZFu"
_MOST_BYTES = 64 * 2**20


def decompressed(data: bytes) -> bytes:
    """Return the RTF. If the data is truncated, the end of the RTF is missing.

    Raises:
        ValueError: it is not compressed RTF.
    """
    if len(data) < _HEADER_BYTES:
        raise ValueError("too short")
    _, size, kind, _ = struct.unpack_from("<IIII", data)
    if kind == _STORED:
        return data[_HEADER_BYTES : _HEADER_BYTES + size]
    if kind != _COMPRESSED:
        raise ValueError("another compression")
    return _expanded(data, min(size, _MOST_BYTES))


def _expanded(data: bytes, size: int) -> bytes:
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    at, written = _HEADER_BYTES, bytearray()
    place = len(_DICTIONARY)
    while at < len(data) and len(written) < size:
        control, at = data[at], at + 1
        for bit in range(8):
            if at >= len(data):
                break
            if not control >> bit & 1:
                copied, at = data[at : at + 1], at + 1
            else:
                reference = int.from_bytes(data[at : at + 2])
                at += 2
                offset, length = reference >> 4, (reference & 0xF) + 2
                if offset == place:  # the end
                    return bytes(written)
                copied = _from_window(window, offset, length, place)
            for byte in copied:
                window[place] = byte
                place = (place + 1) % _WINDOW
            written += copied
    return bytes(written[:size])


def _from_window(window: bytearray, offset: int, length: int, place: int) -> bytes:
    """The bytes from `offset` on. They may reach into those that they become, which then repeat."""
    known = (place - offset) % _WINDOW or _WINDOW
    found = bytes(window[(offset + n) % _WINDOW] for n in range(min(length, known)))
    return (found * (length // len(found) + 1))[:length]
