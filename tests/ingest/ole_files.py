"""Writes compound files (OLE), the workbooks of Excel 97 and the messages of Outlook, byte by byte."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence

SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END = 0xFFFF_FFFF, 0xFFFF_FFFE
Folder = Mapping[str, "bytes | Folder"]


class _Compound:
    def __init__(self) -> None:
        self.sectors: list[bytes] = []
        self.fat: list[int] = []
        self.mini = bytearray()
        self.mini_fat: list[int] = []
        self.entries: list[bytes] = []

    def chain(self, data: bytes) -> int:
        """Append data as a chain of sectors, and return the first."""
        count = -(-len(data) // SECTOR)
        first = len(self.sectors)
        self.sectors += [data[n * SECTOR : (n + 1) * SECTOR].ljust(SECTOR, b"\0") for n in range(count)]
        self.fat += [*range(first + 1, first + count), END] if count else []
        return first if count else END

    def stream(self, data: bytes) -> int:
        if len(data) >= CUTOFF:
            return self.chain(data)
        first, count = len(self.mini_fat), -(-len(data) // MINI)
        self.mini += data.ljust(count * MINI, b"\0")
        self.mini_fat += [*range(first + 1, first + count), END] if count else []
        return first if count else END

    def folder(self, content: Folder) -> int:
        """Append the entries of a folder as a chain of right neighbours, and return the first."""
        names = sorted(content, key=lambda name: (len(name), name.upper()))
        numbers = range(len(self.entries), len(self.entries) + len(names))
        self.entries += [b""] * len(names)
        for number, name in zip(numbers, names, strict=True):
            value = content[name]
            right = number + 1 if number + 1 in numbers else FREE
            if isinstance(value, bytes):
                self.entries[number] = entry(name, 2, FREE, self.stream(value), len(value), right)
            else:
                self.entries[number] = entry(name, 1, self.folder(value), 0, 0, right)
        return numbers[0] if names else FREE


def entry(name: str, kind: int, child: int, start: int, size: int, right: int = FREE) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    fields = struct.pack("<64sHBBIII", encoded, len(encoded), kind, 1, FREE, right, child)
    return fields + bytes(36) + struct.pack("<IQ", start, size)


def compound(content: Folder) -> bytes:
    """A compound file with streams and folders."""
    file = _Compound()
    file.entries.append(b"")
    child = file.folder(content)
    start = file.chain(bytes(file.mini))
    file.entries[0] = entry("Root Entry", 5, child, start, len(file.mini))
    padding = [entry("", 0, FREE, 0, 0)] * (-len(file.entries) % 4)
    directory = file.chain(b"".join([*file.entries, *padding]))
    mini_fat = file.chain(struct.pack(f"<{len(file.mini_fat)}I", *file.mini_fat).ljust(SECTOR, b"\xff"))
    fats = 1
    while fats * SECTOR // 4 < len(file.fat) + fats:
        fats += 1
    at = len(file.sectors)
    fat = [*file.fat, *[0xFFFF_FFFD] * fats]
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(fats * SECTOR, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack(
        "<HHHHH6xIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, fats, directory, 0, CUTOFF, mini_fat,
        -(-len(file.mini_fat) * 4 // SECTOR) or 1, END, 0, at,
    )  # fmt: skip
    header += struct.pack("<108I", *[*range(at + 1, at + fats), *[FREE] * (109 - fats)])
    return header + b"".join(file.sectors) + table


# --- Excel 97 -------------------------------------------------------------------------------------------------


def _record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _words(text: str, *, length: str = "<H") -> bytes:
    return struct.pack(length, len(text)) + b"\x01" + text.encode("utf-16-le")


Value = str | float | bool | None
Sheets = Mapping[str, Sequence[Sequence[Value]]]


def bare_workbook(
    sheets: Sheets, *, hidden: Sequence[str] = (), dates: Sequence[int] = (),
    comment: str = "", chart: bool = False, box: str = "", formats: Sequence[str] = (),
) -> bytes:  # fmt: skip
    """The stream of a workbook. Numbers in the columns `dates` are dates; `comment` is on the cell A1 of each sheet.

    `formats` are those of the numbers in each column.
    """
    bodies = []
    for rows in sheets.values():
        cells = b""
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                at = struct.pack("<HHH", y, x, 2 + x if x < len(formats) else int(x in dates))
                if isinstance(value, bool):
                    cells += _record(0x205, at + bytes([value, 0]))
                elif isinstance(value, str):
                    cells += _record(0x204, at + _words(value))
                elif value is not None:
                    cells += _record(0x203, at + struct.pack("<d", value))
        if comment:
            cells += _record(0x5D, struct.pack("<HHHHH12x", 0x15, 18, 0x19, 1, 0) + struct.pack("<HH", 0, 0))
            cells += _record(0x1B6, struct.pack("<HH6xHH4x", 0, 0, len(comment), 16))
            cells += _record(0x3C, b"\x01" + comment.encode("utf-16-le"))
            cells += _record(0x3C, struct.pack("<HH4xHH4x", 0, 0, len(comment), 0))
            cells += _record(0x1C, struct.pack("<HHHH", 0, 0, 0, 1) + _words("Ada") + b"\0")
        if box:  # Below it: a chart with the same title, a link, a picture and a footer.
            cells += _record(0x5D, struct.pack("<HHHHH12x", 0x15, 18, 0x06, 2, 0) + struct.pack("<HH", 0, 0))
            cells += _record(0x1B6, struct.pack("<HH6xHH4x", 0, 0, len(box), 16))
            cells += _record(0x3C, b"\0" + box[:3].encode()) + _record(0x3C, b"\x01" + box[3:].encode("utf-16-le"))
            cells += _record(0x3C, struct.pack("<HH4xHH4x", 0, 0, len(box), 0))
            cells += _record(0x809, struct.pack("<HHHHII", 0x600, 0x20, 0x0DBB, 0x07CC, 0, 6))
            cells += _record(0x100D, struct.pack("<HBB", 0, len(box), 0) + box.encode()) + _record(0x0A)
            cells += _record(0x5D, struct.pack("<HHHHH12x", 0x15, 18, 0x08, 3, 0) + struct.pack("<HH", 0, 0))
            cells += _record(0x15, _words(f"&L&8{box}&R&P"))
            address = "https://a.example/f\0".encode("utf-16-le")
            cells += _record(
                0x1B8,
                struct.pack("<HHHH", 1, 1, 0, 0) + bytes.fromhex("D0C9EA79F9BACE118C8200AA004BA90B02000000")
                + struct.pack("<I", 3) + bytes.fromhex("E0C9EA79F9BACE118C8200AA004BA90B")
                + struct.pack("<I", len(address)) + address,
            )  # fmt: skip
        bodies.append(_record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0x0DBB, 0x07CC, 0, 6)) + cells + _record(0x0A))
    head = _record(0x809, struct.pack("<HHHHII", 0x600, 0x05, 0x0DBB, 0x07CC, 0, 6)) + _record(0x42, b"\xb0\x04")
    head += _record(0x31, struct.pack("<HHHHHBBBx", 200, 0, 0, 400, 0, 0, 0, 0) + _words("Arial", length="<B"))
    for key, code in enumerate(formats, 164):
        head += _record(0x41E, struct.pack("<H", key) + _words(code))
    for style in (0, 14, *range(164, 164 + len(formats))):
        head += _record(0xE0, struct.pack("<HHHBBBBIIH", 0, style, 0, 0, 0, 0, 0, 0, 0, 0))
    names = [*sheets, *(["Chart"] if chart else [])]
    place = len(head) + sum(4 + 6 + 2 + 2 * len(name) for name in names) + 4
    for name, stream in zip(names, [*bodies, b""], strict=False):
        sort = 2 if chart and name == "Chart" else 0
        head += _record(0x85, struct.pack("<IBB", place, name in hidden, sort) + _words(name, length="<B"))
        place += len(stream)
    return head + _record(0x0A) + b"".join(bodies)


def excel97(sheets: Sheets, **more: object) -> bytes:
    """A workbook as a file."""
    return compound({"Workbook": bare_workbook(sheets, **more).ljust(CUTOFF, b"\0")})  # type: ignore[arg-type]


# --- Outlook --------------------------------------------------------------------------------------------------


def properties(
    texts: Mapping[int, str | bytes], numbers: Mapping[int, int] | None = None, *, before: int = 8
) -> dict[str, bytes]:
    """The streams of the properties of a message (`before` is 32, or 24 in an embedded one), recipient or
    attachment."""
    fixed = bytes(before)
    for name, number in (numbers or {}).items():
        fixed += struct.pack("<HHIQ", 0x40 if number > 2**32 else 3, name, 6, number)
    streams = {"__properties_version1.0": fixed.ljust(before + 16, b"\0")}
    for name, value in texts.items():
        kind = 0x1F if isinstance(value, str) else 0x102
        streams[f"__substg1.0_{name:04X}{kind:04X}"] = value.encode("utf-16-le") if isinstance(value, str) else value
    return streams


def main() -> None:
    """Print the samples of the two parsers."""
    for data in (excel97({"a": [["a"]]}), compound(properties({0x1000: "a"}, before=32))):
        print(base64.b85encode(zlib.compress(data, 9)).decode())


if __name__ == "__main__":
    main()
