"""Adds a nullable column to a table: drafts a migration and its rollback, and changes statements that list all columns.

`make column ARGS="documents source text --given"`, or `python -m tests.sql.add_column` with the same arguments. The
table has the columns `created_at` and `updated_at`, which are adjacent in each list; the new column follows them. With
`--given`, clients set the column: `create` and `update` get a parameter for it. Statements that could not be changed
are printed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from svc.database.statements import Statement, load_statements
from tests.sql.migration_headers import tables_of

ROOT = Path(__file__).resolve().parents[2]
_WIDTH = 110
# `updated_at` can be computed: `coalesce(f.updated_at, d.updated_at) as updated_at`.
_LINES = re.compile(
    r"(?m)^(?P<indent> +)(?P<alias>\w+\.)?created_at,\n"
    r" +(?:(?P=alias)|coalesce\([\w., ]+\) as )updated_at(?P<end>[,;]?)$"
)
_INLINE = re.compile(r"(?<!\S)(?P<alias>\w+\.)?created_at, (?(alias)(?P=alias)|)updated_at\b(?! timestamptz)")
_RETURNED = re.compile(r"updated_at timestamptz(?= *,|\n)")
_LAST_PARAMETER = re.compile(
    r"(?ms)\A.*^-- \$(?P<number>\d+) (?P<name>\w+ *)(?P<type>[^ \n]+(?: null\b| optional\b)? *)[^\n]*\n"
)
_INSERT = (
    r"(?m)(?P<columns>insert into {table}(?: as \w+)? \([^()]*?)(?P<close>\s*\)\n(?P<indent> +)select\n)"
    r"(?P<values>(?:.*\n)*?)(?P<from>(?P=indent)from (?P<source>\w+)(?: as (?P<alias>\w+))?)"
)
_SET = r"(?m)(?P<before>^ *update {table} as (?P<alias>\w+)\n(?:.*\n)*?)(?P<set> +)updated_at = now\(\)"


class NoSuchGroupError(Exception):
    """No statement returns the columns of the table."""


@dataclass(frozen=True)
class Column:
    """A new column; `is_given` if clients set it."""

    table: str
    name: str
    type: str
    is_given: bool = False


@dataclass(frozen=True)
class Changes:
    """The files with the new column, the statements that need it but have no recognized place for it, and those that
    insert rows in which it is null."""

    changed: list[Path]
    left: list[str]
    inserting: list[str]


def add_column(folder: Path, column: Column) -> Changes:
    """Change the files below `folder`, which is `sql/` or a copy of it.

    Raises:
        NoSuchGroupError: no statement `get` returns the columns of this table.
    """
    statements = load_statements(folder)
    group = _group_of(column.table, statements)
    listing = {name for name, one in statements.items() if group in (name, one.columns_as)}
    moved = {f"export/{column.table}", f"import/{column.table}"}
    writing = {f"{group.split('/')[0]}/{verb}" for verb in ("create", "update")} if column.is_given else set()
    inserting = {name for name, one in statements.items() if re.search(_insert(column), one.body)}
    copying = {name for name in inserting if _copied(statements[name].body, column) != statements[name].body}
    needing = listing | moved | writing | copying
    changed, left = [], sorted(needing - statements.keys())
    for name in sorted(needing & statements.keys()):
        path = folder / f"{name}.sql"
        text = new = path.read_text(encoding="utf-8")
        is_whole = True
        if name in listing | moved:
            new = _imported(text, column) if name.startswith("import/") else _listed(text, column)
            is_whole = _body(new) != _body(text)
        if name in writing:
            new, is_written = _written(new, column)
            is_whole = is_whole and is_written
        if name in copying:
            new = _head(new) + _copied(_body(new), column)
        # Only a part of the changes would make the header wrong.
        if is_whole:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
        else:
            left.append(name)
    return Changes(changed, left, sorted(inserting - copying - writing))


def write_migration(folder: Path, column: Column) -> list[Path]:
    """Write a draft of the migration, without its reason and the comment of the column, and the rollback.

    `make check` refuses the draft until both are written.
    """
    last = max(path.stem for path in folder.glob("*.sql") if not path.stem.endswith(".rollback"))
    name = f"{int(last[:4]) + 1:04}.{column.table}_{column.name}"
    table, served = column.table, f"{column.table}/*, export/{column.table}, import/{column.table}"
    forward, back = folder / f"{name}.sql", folder / f"{name}.rollback.sql"
    forward.write_text(
        f"-- Why:\n"
        f"-- Lock: ACCESS EXCLUSIVE on {table} for milliseconds: a column that can be null rewrites no row.\n"
        f"-- On 10M rows: milliseconds.\n"
        f"-- Serves: {served}\n"
        f"-- Rollback loses: the column.\n"
        f"-- depends: {last}\n"
        f"alter table {table} add column {column.name} {column.type};\n\n"
        f"comment on column {table}.{column.name} is\n'';\n",
        encoding="utf-8",
    )
    back.write_text(f"alter table {table} drop column {column.name};\n", encoding="utf-8")
    return [forward, back]


def _group_of(table: str, statements: Mapping[str, Statement]) -> str:
    """The statement whose columns the others return: `get` in the table's folder, or the only `get` that reads it."""
    if f"{table}/get" in statements:
        return f"{table}/get"
    reading = [name for name, one in statements.items() if name.endswith("/get") and table in tables_of(one)]
    if len(reading) != 1:
        found = f"{', '.join(reading)} read it" if reading else "no statement `get` reads it"
        raise NoSuchGroupError(f"sql/ has no folder {table}, and {found}: nothing was changed; add the column by hand")
    return reading[0]


def _with_parameter(text: str, column: Column, meaning: str) -> str:
    """Add the column as the last parameter, aligned with the others' names and types."""
    last = _LAST_PARAMETER.match(text)
    assert last is not None, "a statement that writes has parameters"
    name = column.name.ljust(len(last["name"]) - 1)
    type_ = f"{column.type} optional".ljust(len(last["type"]) - 2)
    line = f"-- ${int(last['number']) + 1} {name} {type_}  {meaning}".rstrip()
    return f"{last[0]}{line}\n{text[last.end() :]}"


def _imported(text: str, column: Column) -> str:
    """Add the column as the last parameter and the last column of a `:copy`, since both have the same order."""
    new = _with_parameter(text, column, "")
    body = re.sub(r"(?=\n?\) from stdin with)", f", {column.name}", _body(new), count=1)
    return _head(new) + _wrapped(body, rf", {column.name}\b", "    ")


def _listed(text: str, column: Column) -> str:
    """Add the column to the header and to the lists of all columns."""
    end = f", {column.name} {column.type} null"
    new = _wrapped(_RETURNED.sub(rf"\g<0>{end}", text), re.escape(end), "--   ")
    body = _LINES.sub(
        lambda found: f"{found[0].rstrip(',;')},\n{found['indent']}{found['alias'] or ''}{column.name}{found['end']}",
        _body(new),
    )
    body = _INLINE.sub(lambda found: f"{found[0]}, {found['alias'] or ''}{column.name}", body)
    return _head(new) + _wrapped(body, rf", \w*\.?{column.name}\b", "    ")


def _written(text: str, column: Column) -> tuple[str, bool]:
    """Let `create` or `update` set the column; returns whether it has a recognized place for it."""
    is_update = re.match(r"-- \w+/update ", text) is not None
    if re.search(_update(column) if is_update else _insert(column), text) is None:
        return text, False
    new = _with_parameter(text, column, "null: unchanged" if is_update else "null: none")
    number = re.findall(r"(?m)^-- \$(\d+) ", new)[-1]
    value = f"${number}::{column.type}"
    if is_update:
        body = re.sub(
            _update(column),
            lambda found: (
                f"{found['before']}{found['set']}{column.name} = coalesce({value}, {found['alias']}.{column.name}),\n"
                f"{found['set']}updated_at = now()"
            ),
            _body(new),
            count=1,
        )
    else:
        body = re.sub(_insert(column), lambda found: _inserted(found, column, f"{value} as {column.name}"), _body(new))
    return _head(new) + _wrapped(body, rf", {column.name}\b", "    "), True


def _copied(body: str, column: Column) -> str:
    """Add the column where rows of the table are copied, that is, inserted from the table itself."""

    def one(found: re.Match[str]) -> str:
        if found["source"] != column.table or found["alias"] is None:
            return found[0]
        return _inserted(found, column, f"{found['alias']}.{column.name}")

    return _wrapped(re.sub(_insert(column), one, body), rf", {column.name}\b", "    ")


def _inserted(found: re.Match[str], column: Column, value: str) -> str:
    values = f"{found['values'][:-1]},\n{found['indent']}    {value}\n"
    return f"{found['columns']}, {column.name}{found['close']}{values}{found['from']}"


def _insert(column: Column) -> str:
    return _INSERT.format(table=column.table)


def _update(column: Column) -> str:
    return _SET.format(table=column.table)


def _body(text: str) -> str:
    return text[len(_head(text)) :]


def _head(text: str) -> str:
    head = re.match(r"(?:--[^\n]*\n)*", text)
    assert head is not None
    return head[0]


def _wrapped(text: str, end: str, indent: str) -> str:
    """Begin a new line before the addition if a line has become too long."""
    lines = []
    for line in text.split("\n"):
        found = re.search(end, line) if len(line) > _WIDTH else None
        if found is None:
            lines.append(line)
        else:
            own = indent if indent.startswith("--") else re.match(" *", line)[0]  # type: ignore[index]
            lines += [line[: found.start() + 1], own + line[found.start() + 2 :]]
    return "\n".join(lines)


def _main() -> int:
    parser = argparse.ArgumentParser(prog="make column", description="Add a nullable column to a table.")
    parser.add_argument("table")
    parser.add_argument("column")
    parser.add_argument("type", help="as PostgreSQL names it in the headers: text, int, timestamptz, …")
    parser.add_argument("--given", action="store_true", help="clients set it: add it to create and update")
    given = parser.parse_args()
    column = Column(given.table, given.column, given.type, given.given)
    try:
        changes = add_column(ROOT / "sql", column)
    except NoSuchGroupError as error:
        sys.exit(str(error))
    for path in [*write_migration(ROOT / "migrations", column), *changes.changed]:
        print(path.relative_to(ROOT))
    if changes.inserting:
        print(f"these insert rows in which the column is null: {', '.join(changes.inserting)}")
    if changes.left:
        print(f"not changed, add the column by hand: {', '.join(changes.left)}")
    return 1 if changes.left else 0


if __name__ == "__main__":
    sys.exit(_main())
