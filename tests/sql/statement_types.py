"""Generates the types of the statements from their headers: `python -m tests.sql.statement_types`, or `make types`.

`svc/database/rows.py` contains a class for the rows of each statement, and `svc/database/calls.pyi` the calls that mypy
allows. `--check` writes nothing, and exits with 1 if a file differs from the headers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from svc.database.headers import Column, Parameter
from svc.database.statements import Statement, load_statements

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "make types"

_ELEMENTS = {
    "uuid": "UUID",
    "text": "str", "varchar": "str", "name": "str",
    "bool": "bool",
    "int2": "int", "int4": "int", "int8": "int",
    "float4": "float", "float8": "float",
    "date": "date", "timestamp": "datetime", "timestamptz": "datetime",
    "bytea": "bytes", "bit": "bytes", "varbit": "bytes", "sparsevec": "bytes",
    "jsonb": "Json",
}  # fmt: skip
# Methods of asyncpg's rows, which a column must not hide.
_METHODS = {"get", "items", "keys", "values"}
_GENERATED = f"Generated from the headers of `sql/` by `{COMMAND}`; `make check` compares them."

_ROWS_HEAD = f'''"""The rows of the statements: a class for each `:one` and `:many`, a tuple for each `:copy`.

{_GENERATED}
Statements share a class where a header says `returns: as …`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from pgvector import HalfVector

from svc.database.types import Json, Row, Vector, column
'''
_CALLS_HEAD = f'''"""The calls of the statements: which name goes with which arguments, and what comes back.

{_GENERATED} The module itself is `calls.py`.
"""

from abc import ABCMeta
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal, overload
from uuid import UUID

from svc.database import rows as r
from svc.database.by_name import ByName
from svc.database.types import Json, Vector

class Queries(ByName, metaclass=ABCMeta):
'''
_ROW_CLASSES = """
ROW_CLASSES: Mapping[str, type[Row]] = {
"""


class UnknownTypeError(Exception):
    """A type of a header has no Python type here."""


def row_class(name: str) -> str:
    """`UsersGet` for `users/get`."""
    return "".join(word.capitalize() for part in name.split("/") for word in part.split("_"))


@dataclass(frozen=True)
class RowClass:
    """A class of rows: the statements that return them, and its base class."""

    name: str
    columns: tuple[Column, ...]
    statements: list[str]
    base: RowClass | None

    @property
    def own_columns(self) -> tuple[Column, ...]:
        """The columns that the base does not have."""
        return self.columns[len(self.base.columns) if self.base else 0 :]


def row_classes(statements: Mapping[str, Statement]) -> list[RowClass]:
    """The classes of rows, each base before its subclasses.

    A statement whose header has `returns: as …` shares the class of the other statement. With additional columns, it
    has a subclass, which it shares with statements that have the same columns.
    """
    classes: dict[tuple[str, tuple[Column, ...]], RowClass] = {}

    def of(statement: Statement) -> RowClass:
        base = of(statements[statement.columns_as]) if statement.columns_as else None
        if base is not None and base.columns == statement.columns:
            return base
        key = (statement.columns_as or statement.name, statement.columns)
        return classes.setdefault(key, RowClass(row_class(statement.name), statement.columns, [], base))

    for statement in statements.values():
        if statement.shape in ("one", "many"):
            of(statement).statements.append(statement.name)
    return list(classes.values())


def rows_text(statements: Mapping[str, Statement]) -> str:
    """The text of `svc/database/rows.py`."""
    classes = row_classes(statements)
    copies = [one for one in statements.values() if one.shape == "copy"]
    parts = [_ROWS_HEAD]
    parts += ["\n".join(_row_class(one)) + "\n" for one in classes]
    parts += ["\n".join(_copy_row(one)) + "\n" for one in copies]
    names = sorted((name, one.name) for one in classes for name in one.statements)
    table = "".join(f'    "{name}": {class_},\n' for name, class_ in names)
    return "\n\n".join(parts) + "\n" + _ROW_CLASSES + table + "}\n"


def calls_text(statements: Mapping[str, Statement]) -> str:
    """The text of `svc/database/calls.pyi`."""
    classes = {name: one.name for one in row_classes(statements) for name in one.statements}
    lines = []
    for shape in ("one", "many", "value", "exec", "copy"):
        for statement in statements.values():
            if statement.shape == shape:
                lines += ["    @overload", f"    async def {shape}({_signature(statement, classes)}: ..."]
    return _CALLS_HEAD + "\n".join(lines) + "\n"


def _row_class(row: RowClass) -> Iterator[str]:
    of = ", ".join(f"`{one}`" for one in row.statements)
    yield f"class {row.name}({row.base.name if row.base else 'Row'}):"
    yield from _wrapped(f'"""A row of {of}."""')
    yield ""
    yield "    __slots__ = ()"
    yield ""
    for column in row.own_columns:
        if column.name in _METHODS:
            raise UnknownTypeError(f"{of}: a column cannot be named {column.name}; asyncpg's rows have such a method")
        yield f'    {column.name}: {column_type(column)} = column("{column.name}")'


def _copy_row(statement: Statement) -> Iterator[str]:
    yield f"class {row_class(statement.name)}(NamedTuple):"
    yield f'    """A row for `{statement.name}`."""'
    yield ""
    for parameter in statement.parameters:
        yield f"    {_parameter(parameter)}"


def _signature(statement: Statement, classes: Mapping[str, str]) -> str:
    arguments = [f'self, statement: Literal["{statement.name}"], /']
    if statement.shape == "copy":
        arguments.append(f"rows: Iterable[r.{row_class(statement.name)}]")
    elif statement.parameters:
        arguments += ["*", *map(_parameter, statement.parameters)]
    return f"{', '.join(arguments)}) -> {_result(statement, classes)}"


def _result(statement: Statement, classes: Mapping[str, str]) -> str:
    if statement.shape == "one":
        return f"r.{classes[statement.name]} | None"
    if statement.shape == "many":
        return f"Sequence[r.{classes[statement.name]}]"
    return column_type(statement.columns[0]) if statement.shape == "value" else "int"


def column_type(column: Column) -> str:
    """The type of the result."""
    element = column.type.removesuffix("[]")
    type_ = "HalfVector" if element == "halfvec" else _element(element)
    return _with_null(f"list[{type_}]" if column.type.endswith("[]") else type_, column.can_be_null)


def parameter_type(parameter: Parameter) -> str:
    """The type of the arguments."""
    element = parameter.type.removesuffix("[]")
    type_ = "Vector" if element == "halfvec" else _element(element)
    return _with_null(f"Sequence[{type_}]" if parameter.type.endswith("[]") else type_, parameter.can_be_null)


def _parameter(parameter: Parameter) -> str:
    return f"{parameter.name}: {parameter_type(parameter)}{' = None' if parameter.is_optional else ''}"


def _element(name: str) -> str:
    if name not in _ELEMENTS:
        raise UnknownTypeError(f"the type {name} has no Python type in tests/sql/statement_types.py")
    return _ELEMENTS[name]


def _with_null(type_: str, can_be_null: bool) -> str:
    return f"{type_} | None" if can_be_null else type_


def _folder(statement: Statement) -> str:
    return statement.name.split("/")[0]


def _wrapped(text: str) -> Iterator[str]:
    line = "   "
    for word in text.split(" "):
        if len(line) + len(word) > 118:
            yield line
            line = "   "
        line += f" {word}"
    yield line


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Each generated file with the text that it should have."""
    statements = load_statements(root / "sql")
    folder = root / "svc" / "database"
    return {folder / "rows.py": rows_text(statements), folder / "calls.pyi": calls_text(statements)}


def stale(root: Path = ROOT) -> list[Path]:
    """The generated files that differ from the headers."""
    files = generated(root).items()
    return [path for path, text in files if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: Iterable[str]) -> None:
    """Write the files or, with `--check`, name the stale ones."""
    if "--check" in arguments:
        for path in (paths := stale()):
            print(f"{path}:1: differs from the headers of sql/; run: {COMMAND}")
        sys.exit(1 if paths else 0)
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
