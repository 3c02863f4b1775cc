"""Reads `sql/`: each file is one statement, its path is the name, and its header declares parameters and columns.

`sql/README.md` documents the grammar of headers.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, cast

from svc.database.headers import Column, Header, Parameter, header_fault, read_columns, read_header, wrapped_columns

Shape = Literal["one", "many", "value", "exec", "copy", "ddl", "explain", "template"]
SHAPES: tuple[Shape, ...] = ("one", "many", "value", "exec", "copy", "ddl", "explain", "template")
UNPREPARED = ("ddl", "explain", "template")
"""The shapes of templates, which are incomplete without names or another statement."""

TENANT, RECEIVER = "user_id", "to_user"
"""The names of the parameters for the tenant, and for the user who receives rows of the tenant."""


_TITLE = re.compile(r"^-- (?P<name>[a-z0-9_]+/[a-z0-9_]+) :(?P<shape>[a-z]+)$")
_SAME_COLUMNS = re.compile(r"^as (?P<name>[a-z0-9_]+/[a-z0-9_]+)$")
_HEADER_WIDTH = 110
_GENERIC = "generic"
# `update` and `share` also end the clauses of row locks.
_LOCKING = re.compile(r"\b(?:insert|update|delete|share|copy|pg_advisory_xact_lock)\b")
_COPY = re.compile(r"^copy (?P<table>[a-z_]+) \((?P<columns>[a-z_, \n]+)\) from stdin with \(format binary\);?$")


@dataclass(frozen=True)
class Statement:
    """One file of `sql/`.

    `text` is the whole file including the header. The server receives it unchanged, so the name is visible in
    `pg_stat_activity`. `columns` are all columns that it returns. If the header has `returns: as …`, `columns_as` names
    the statement that lists the first of them; otherwise it is empty. `tenant` is empty for a statement that is bound
    to one user, otherwise it gives the reason why it is not. `bound` names the limit of a list without LIMIT, `needs`
    the extension that the statement requires, and `length` the reason for not splitting a long statement. `is_generic`
    means that one plan fits all values, so that the statement is not planned for each run.
    """

    name: str
    shape: Shape
    intent: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    columns_as: str
    index: str
    tenant: str
    bound: str
    needs: str
    is_generic: bool
    length: str
    text: str
    path: Path = field(compare=False)

    @cached_property
    def body(self) -> str:
        """The statement without its header."""
        return "\n".join(line for line in self.text.splitlines() if not line.startswith("--")).strip()

    @cached_property
    def can_wait(self) -> bool:
        """Whether it changes or locks rows, and can therefore wait for another session."""
        return _LOCKING.search(self.body) is not None

    @cached_property
    def expanded(self) -> str:
        """The text for readers: a line `returns: as …` is followed by all columns in parentheses."""
        if not self.columns_as:
            return self.text
        listed = "\n".join(f"--   {line}" for line in wrapped_columns(self.columns, _HEADER_WIDTH - 5, "()"))
        return re.sub(r"^-- returns: .*\n(?:--   .*\n)*", lambda line: f"{line[0]}{listed}\n", self.text, flags=re.M)

    @cached_property
    def indexes(self) -> tuple[str, ...]:
        """The indexes that the statement is expected to use."""
        return tuple(name.strip() for name in self.index.split(",") if name.strip())

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """The names of the parameters, in the order of `$1, $2, …`."""
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def omitted(self) -> dict[str, None]:
        """The values of the parameters that a caller can omit."""
        return {parameter.name: None for parameter in self.parameters if parameter.is_optional}

    @cached_property
    def tenant_places(self) -> tuple[int | None, int | None]:
        """The positions of the tenant and of the receiver of a transfer among the parameters; None if there is none."""
        names = self.parameter_names
        places = (names.index(name) if name in names else None for name in (TENANT, RECEIVER))
        tenant, receiver = places
        return tenant, receiver

    @cached_property
    def copy_target(self) -> tuple[str, list[str]]:
        """The table and the columns of a `:copy` statement."""
        match = _COPY.match(self.body)
        if match is None:
            raise header_fault(
                self.path, 1, "a :copy body must be: copy table (column, …) from stdin with (format binary);"
            )
        return match["table"], [column.strip() for column in match["columns"].split(",")]


def load_statements(folder: Path) -> dict[str, Statement]:
    """Read every `.sql` file below `folder`, keyed by name.

    Raises:
        StartupError: a header violates the grammar; the detail names file and line.
    """
    states = ((path, path.stat()) for path in sorted(folder.glob("*/*.sql")))
    files = tuple((path, state.st_mtime_ns, state.st_size) for path, state in states)
    return {statement.name: statement for statement in _read_folder(folder, files)}


# Reading the files takes a tenth of a second, and a command loads them several times at its start. The key of the cache
# is the names, times and sizes of the files.
@lru_cache(maxsize=4)
def _read_folder(folder: Path, files: tuple[tuple[Path, int, int], ...]) -> tuple[Statement, ...]:
    return tuple(read_statement(path, folder) for path, _, _ in files)


def read_statement(path: Path, folder: Path) -> Statement:
    """Read one file; its name must be its path below `folder`."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    header = list(itertools.takewhile(lambda line: line.startswith("--"), lines))
    for number, line in enumerate(lines[len(header) :], start=len(header) + 1):
        if line.lstrip().startswith("--"):
            raise header_fault(path, number, "comments are allowed only in the header, above the statement")
    title = _TITLE.match(header[0]) if header else None
    if title is None:
        raise header_fault(path, 1, "the first line must be: -- folder/name :shape")
    expected = path.relative_to(folder).with_suffix("").as_posix()
    if title["name"] != expected:
        raise header_fault(path, 1, f"the header says {title['name']}, the path says {expected}")
    if title["shape"] not in SHAPES:
        raise header_fault(path, 1, f":{title['shape']} is not one of {', '.join(':' + shape for shape in SHAPES)}")
    parts = read_header(path, header)
    columns_as, columns = _returned(parts, path, folder)
    if not parts.intent:
        raise header_fault(path, 2, "the second line must describe the statement")
    if parts.keys.get("plan", _GENERIC) != _GENERIC:
        raise header_fault(path, parts.lines["plan"], f"plan: must be {_GENERIC}, or the line must be missing")
    return Statement(
        name=title["name"],
        shape=cast(Shape, title["shape"]),
        intent=" ".join(parts.intent),
        parameters=tuple(parts.parameters),
        columns=tuple(columns),
        columns_as=columns_as,
        index=parts.keys.get("index", ""),
        tenant=parts.keys.get("tenant", ""),
        bound=parts.keys.get("bound", ""),
        needs=parts.keys.get("needs", ""),
        is_generic="plan" in parts.keys,
        length=parts.keys.get("length", ""),
        text=text,
        path=path,
    )


def _returned(header: Header, path: Path, folder: Path) -> tuple[str, list[Column]]:
    """Returns the name of the statement whose columns come first, or an empty string, and all columns of a header."""
    line = header.lines.get("returns", 1)
    first, *rest = header.keys.get("returns", "").split(",", 1)
    same = _SAME_COLUMNS.match(first.strip())
    if same is None:
        return "", read_columns(path, line, ",".join([first, *rest]))
    return same["name"], [*_columns_of(same["name"], path, line, folder), *read_columns(path, line, "".join(rest))]


def _columns_of(name: str, path: Path, line: int, folder: Path) -> list[Column]:
    """The columns that another statement lists; `path` and `line` are the place of the reference."""
    other = folder / f"{name}.sql"
    if not other.is_file():
        raise header_fault(path, line, f"returns: as {name}: there is no such statement")
    lines = other.read_text(encoding="utf-8").splitlines()
    header = read_header(other, list(itertools.takewhile(lambda line: line.startswith("--"), lines)))
    returns = header.keys.get("returns", "")
    if not returns or returns.startswith("as "):
        raise header_fault(path, line, f"returns: as {name}: that statement does not list its columns itself")
    return read_columns(other, header.lines["returns"], returns)
