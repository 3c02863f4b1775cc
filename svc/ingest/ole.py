"""The names in the top folder of a compound file (OLE), the format of all Office files before 2007.

This runs in the server for every such upload, so it follows at most a bounded number of sectors.
"""

from __future__ import annotations

import struct

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENTRY_BYTES = 128
_MOST_SECTORS = 256
_NAMED_FATS = 109  # in the header
_END = 0xFFFF_FFFA  # Numbers from here on are not sectors.
_NONE = 0xFFFF_FFFF


def top_names(data: bytes) -> set[str]:
    """Return the names of the streams and folders at the top, as far as they can be read."""
    try:
        entries = _directory(data)
        return _children(entries) if entries else set()
    except struct.error:  # cut off
        return set()


def _directory(data: bytes) -> list[bytes]:
    """The entries of the directory, which is a chain of sectors."""
    size = 1 << max(7, min(struct.unpack_from("<H", data, 30)[0], 16))
    sector: int = struct.unpack_from("<I", data, 48)[0]
    fats = struct.unpack_from(f"<{_NAMED_FATS}I", data, 76)
    found = bytearray()
    for _ in range(_MOST_SECTORS):
        if sector >= _END:
            break
        found += data[(sector + 1) * size : (sector + 2) * size]
        fat, place = divmod(sector, size // 4)
        if fat >= _NAMED_FATS or fats[fat] >= _END:
            break
        sector = struct.unpack_from("<I", data, (fats[fat] + 1) * size + 4 * place)[0]
    return [bytes(found[at : at + _ENTRY_BYTES]) for at in range(0, len(found) - _ENTRY_BYTES + 1, _ENTRY_BYTES)]


def _children(entries: list[bytes]) -> set[str]:
    """The names of the entries below the first, which are a tree of left and right neighbours."""
    names, seen = set(), set()
    waiting = [struct.unpack_from("<I", entries[0], 76)[0]]
    while waiting:
        number = waiting.pop()
        if number == _NONE or number >= len(entries) or number in seen:
            continue
        seen.add(number)
        entry = entries[number]
        length = min(struct.unpack_from("<H", entry, 64)[0], 64)
        names.add(entry[: max(length - 2, 0)].decode("utf-16-le", "replace"))
        waiting += struct.unpack_from("<II", entry, 68)
    return names - {""}
