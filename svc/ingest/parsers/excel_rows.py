"""Reads the rows of an Excel sheet one by one, since the tree of a large sheet would take gigabytes and minutes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

_PART_BYTES = 256 * 1024


class Cell(NamedTuple):
    """A cell: the letters of its column, its type and style, and its value, or the text that is in the cell itself.

    `formula` is None if it has none; that of a cell that shares the formula of another is empty.
    """

    column: str
    type: str
    style: str
    value: str
    reference: str
    formula: str | None


def read_rows(data: bytes) -> Iterator[list[Cell]]:
    """Yield the cells of each row that has some.

    Raises:
        expat.ExpatError: the XML is broken; the rows before are yielded first.
    """
    reader = _Reader()
    for start in range(0, len(data), _PART_BYTES):
        broken = None
        try:
            reader.parser.Parse(data[start : start + _PART_BYTES], start + _PART_BYTES >= len(data))
        except expat.ExpatError as error:
            broken = error
        yield from reader.rows
        reader.rows.clear()
        if broken is not None:
            raise broken


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.rows: list[list[Cell]] = []
        self._row: list[Cell] = []
        self._cell: dict[str, str] = {}
        self._value: list[str] = []
        self._formula: list[str] | None = None
        self._hints = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2] if ":" in name else name
        if local == "c":
            self._cell = attributes
            self._value = []
            self._formula = None
        elif local == "f":
            self._formula = []
            self.parser.CharacterDataHandler = self._formula.append
        elif local in ("v", "t"):
            # The phonetic hints of Japanese do not count as text.
            self.parser.CharacterDataHandler = None if self._hints else self._value.append
        elif local == "rPh":
            self._hints += 1

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2] if ":" in name else name
        if local in ("v", "t", "f"):
            self.parser.CharacterDataHandler = None
        elif local == "c":
            of_cell = self._cell.get
            reference = of_cell("r", "")
            formula = None if self._formula is None else "".join(self._formula)
            value = "".join(self._value)
            column = reference.rstrip("0123456789")
            self._row.append(Cell(column, of_cell("t", "n"), of_cell("s", ""), value, reference, formula))
        elif local == "row" and self._row:
            self.rows.append(self._row)
            self._row = []
        elif local == "rPh":
            self._hints -= 1
