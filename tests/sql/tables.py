"""The tables of the schema, read from `migrations/` and `sql/ddl/`, with their keys and indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pglast.enums import AlterTableType, ConstrType, ObjectType

from tests.sql.tree import ast, line_of, location_of, parsed

_KEY_KINDS = {
    ConstrType.CONSTR_PRIMARY: "primary key",
    ConstrType.CONSTR_UNIQUE: "unique key",
    ConstrType.CONSTR_FOREIGN: "foreign key",
}
_FILLED = {ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_PRIMARY, ConstrType.CONSTR_IDENTITY}


@dataclass(frozen=True)
class Key:
    """A primary, unique or foreign key, or an index. An expression among its columns is written as `(expression)`."""

    kind: str
    name: str
    table: str
    columns: tuple[str, ...]
    path: Path
    line: int
    references: tuple[str, tuple[str, ...]] | None = None


@dataclass
class Tables:
    """Tables by name, each with its columns, and all keys."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    not_null: set[tuple[str, str]] = field(default_factory=set)
    """Table and column."""

    def tenant_column(self, table: str) -> str | None:
        """The column with the tenant of a row; None if the rows belong to no tenant."""
        if table == "users":
            return "id"
        return "user_id" if "user_id" in self.columns.get(table, ()) else None

    @property
    def tenant_tables(self) -> set[str]:
        """The tables whose rows belong to a tenant, including the table of users."""
        return {table for table in self.columns if self.tenant_column(table)}


def schema_files(root: Path) -> list[Path]:
    """The files that create the schema, in the order in which they run."""
    migrations = [path for path in sorted((root / "migrations").glob("*.sql")) if ".rollback." not in path.name]
    return migrations + sorted((root / "sql" / "ddl").glob("*.sql"))


def read_tables(files: Iterable[Path]) -> Tables:
    """Read the tables that the files create."""
    tables = Tables()
    for path in files:
        text = path.read_text(encoding="utf-8")
        for statement in parsed(text):
            _add(tables, statement, path, text)
    return tables


def _add(tables: Tables, statement: Any, path: Path, text: str) -> None:
    if isinstance(statement, ast.CreateStmt):
        table = str(statement.relation.relname)
        elements = statement.tableElts or ()
        tables.columns[table] = [str(part.colname) for part in elements if isinstance(part, ast.ColumnDef)]
        tables.not_null.update((table, column) for column in _not_null(elements))
        tables.keys.extend(_table_keys(table, elements, path, text))
    elif isinstance(statement, ast.AlterTableStmt):
        table = str(statement.relation.relname)
        for command in statement.cmds:
            if isinstance(command.def_, ast.ColumnDef):
                tables.columns[table].append(str(command.def_.colname))
                tables.not_null.update((table, column) for column in _not_null([command.def_]))
            elif command.subtype == AlterTableType.AT_SetNotNull:
                tables.not_null.add((table, str(command.name)))
            elif command.subtype == AlterTableType.AT_DropNotNull:
                tables.not_null.discard((table, str(command.name)))
            if isinstance(command.def_, ast.ColumnDef | ast.Constraint):
                tables.keys.extend(_table_keys(table, [command.def_], path, text))
    elif isinstance(statement, ast.IndexStmt):
        columns = tuple(str(part.name or "(expression)") for part in statement.indexParams)
        kind = "unique index" if statement.unique else "index"
        line = line_of(text, location_of(statement))
        tables.keys.append(Key(kind, str(statement.idxname), str(statement.relation.relname), columns, path, line))
    elif isinstance(statement, ast.DropStmt) and statement.removeType == ObjectType.OBJECT_INDEX:
        dropped = {str(name[-1].sval) for name in statement.objects}
        tables.keys[:] = [key for key in tables.keys if key.name not in dropped]


def _not_null(elements: Iterable[Any]) -> Iterator[str]:
    """The columns that are not null by NOT NULL, an identity or a primary key."""
    for element in elements:
        if isinstance(element, ast.Constraint) and element.contype == ConstrType.CONSTR_PRIMARY:
            yield from _names(element.keys)
        elif isinstance(element, ast.ColumnDef) and _FILLED & {one.contype for one in element.constraints or ()}:
            yield str(element.colname)


def _table_keys(table: str, elements: Iterable[Any], path: Path, text: str) -> Iterator[Key]:
    for element in elements:
        if isinstance(element, ast.ColumnDef):
            for constraint in element.constraints or ():
                yield from _key(table, constraint, (str(element.colname),), path, text)
        elif isinstance(element, ast.Constraint):
            yield from _key(table, element, None, path, text)


def _key(table: str, constraint: Any, columns: tuple[str, ...] | None, path: Path, text: str) -> Iterator[Key]:
    kind = _KEY_KINDS.get(constraint.contype)
    if kind is None:
        return
    own = columns or _names(constraint.fk_attrs if kind == "foreign key" else constraint.keys)
    references = (str(constraint.pktable.relname), _names(constraint.pk_attrs)) if kind == "foreign key" else None
    name = str(constraint.conname or f"{table}_{'_'.join(own)}")
    yield Key(kind, name, table, own, path, line_of(text, location_of(constraint)), references)


def _names(items: Any) -> tuple[str, ...]:
    return tuple(str(item.sval) for item in items or ())
