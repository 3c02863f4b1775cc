"""Reads the header of a statement: its parameters, its columns and its other lines.

`sql/README.md` documents the grammar.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from svc.errors import StartupError

# Common names of types, and the server's internal names for them.
_SERVER_TYPES = {
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "boolean": "bool",
    "real": "float4",
    "double": "float8",
    "double precision": "float8",
}
_PARAMETER = re.compile(
    r"^-- \$(?P<number>\d+) +(?P<name>[a-z_][a-z0-9_]*) +(?P<type>[a-z0-9_]+(?:\[\])?)"
    r"(?P<null> null(?=  |$)| optional(?=  |$))?(?: +(?P<comment>.+))?$"
)
_COLUMN = re.compile(r"^(?P<name>[a-z_][a-z0-9_]*) (?P<type>[a-z0-9_]+(?:\[\])?)(?P<null> null)?$")
_KEYS = ("returns", "index", "tenant", "bound", "needs", "plan", "length")
# Matches any lower-case word, so that a misspelt key is not taken for prose.
_KEY = re.compile(r"^-- (?P<key>[a-z]+): (?P<value>.+)$")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a statement: its name in Python, and the server's name of its type (`int4`, `uuid[]`)."""

    name: str
    type: str
    comment: str = ""
    can_be_null: bool = False
    is_optional: bool = False
    """Whether a caller can omit it, which means null."""


@dataclass(frozen=True)
class Column:
    """A column that a statement returns. The column of a `:value` statement that may return no row can be null."""

    name: str
    type: str
    can_be_null: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.type}{' null' if self.can_be_null else ''}"


def wrapped_columns(columns: Iterable[Column], width: int, around: str = "") -> list[str]:
    """Returns columns inside the halves of `around`, as lines of at most `width` characters, split between columns."""
    # A no-break space keeps the name and the type of a column on one line.
    text = ", ".join(str(column).replace(" ", "\u00a0") for column in columns)
    half = len(around) // 2
    lines = textwrap.wrap(f"{around[:half]}{text}{around[half:]}", width)
    return [line.replace("\u00a0", " ") for line in lines]


@dataclass
class Header:
    """The lines of a header by kind, and the numbers of the lines with a key."""

    intent: list[str] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_header(path: Path, lines: list[str]) -> Header:
    """Read the lines of a header, of which the first is the title.

    Raises:
        StartupError: a line violates the grammar; the detail names file and line.
    """
    header = Header()
    open_key = ""
    for number, line in enumerate(lines[1:], start=2):
        if line.startswith("-- $"):
            header.parameters.append(_read_parameter(path, number, line, len(header.parameters) + 1))
            open_key = ""
        elif (match := _KEY.match(line)) and (meant := _meant_key(match["key"])):
            open_key = match["key"]
            if open_key != meant:
                raise header_fault(path, number, f"{open_key}: is not a key of a header; did you mean {meant}:?")
            if open_key in header.keys:
                raise header_fault(path, number, f"{open_key}: occurs twice")
            header.keys[open_key], header.lines[open_key] = match["value"].strip(), number
        elif open_key and line.startswith("--   "):
            header.keys[open_key] += " " + line[2:].strip()
        elif header.parameters or header.keys:
            raise header_fault(
                path, number, f"this is neither a parameter nor one of the keys {', '.join(_KEYS)}: {line!r}"
            )
        else:
            header.intent.append(line.removeprefix("--").strip())
    return header


def _meant_key(word: str) -> str | None:
    """The key that a word before a colon equals or resembles; None if the word belongs to prose."""
    if word in _KEYS:
        return word
    close = difflib.get_close_matches(word, _KEYS, n=1, cutoff=0.7)
    return close[0] if close else None


def _read_parameter(path: Path, number: int, line: str, expected: int) -> Parameter:
    match = _PARAMETER.match(line)
    if match is None:
        raise header_fault(
            path, number, f"a parameter must be: -- $1 name type null  comment, `null` being optional; this is {line!r}"
        )
    if int(match["number"]) != expected:
        raise header_fault(path, number, f"parameter ${match['number']} is where ${expected} should be")
    return Parameter(
        match["name"], server_type(match["type"]), (match["comment"] or "").strip(), bool(match["null"]),
        (match["null"] or "").strip() == "optional",
    )  # fmt: skip


def read_columns(path: Path, line: int, text: str) -> list[Column]:
    """Read the columns in the value of `returns:`, which begins on a line of `path`.

    Raises:
        StartupError: one is not a name and a type.
    """
    columns = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _COLUMN.match(part)
        if match is None:
            raise header_fault(
                path, line, f"returns: must be: name type, name type null, …, or: as folder/name, …; this is {part!r}"
            )
        columns.append(Column(match["name"], server_type(match["type"]), bool(match["null"])))
    return columns


def server_type(name: str) -> str:
    """The server's name of a type: `int4` for `int`, `int4[]` for `int[]`."""
    element = name.removesuffix("[]")
    return _SERVER_TYPES.get(element, element) + ("[]" if name.endswith("[]") else "")


def header_fault(path: Path, line: int, detail: str) -> StartupError:
    """Return the error for a line of a file in `sql/`."""
    return StartupError(f"{path}:{line}: {detail}")
