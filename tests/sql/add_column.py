"""Adds a nullable column to the statements that return all columns of a table, and to its export and import.

`python -m tests.sql.add_column conversations language text`, or `make column ARGS="conversations language text"`. The
table has the columns `created_at` and `updated_at`, which stand together in each list; the new one follows them. The
statements that write the column are not changed, except for the import. What could not be changed is printed too.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from svc.database.statements import Statement, load_statements
from tests.sql.migration_headers import tables_of

ROOT = Path(__file__).resolve().parents[2]
_WIDTH = 110
_LINES = re.compile(r"(?m)^(?P<indent> +)(?P<alias>\w+\.)?created_at,\n +(?P=alias)updated_at(?P<end>[,;]?)$")
_INLINE = re.compile(r"(?<!\S)(?P<alias>\w+\.)?created_at, (?(alias)(?P=alias)|)updated_at\b(?! timestamptz)")
_RETURNED = re.compile(r"updated_at timestamptz(?= *,|\n)")
_LAST_PARAMETER = re.compile(r"(?ms)\A.*^-- \$(?P<number>\d+) [^\n]*\n")


class NoSuchGroupError(Exception):
    """No statement returns the columns of the table."""


@dataclass(frozen=True)
class Changes:
    """The files with the new column, and the statements that need it and have no place that is recognized."""

    changed: list[Path]
    left: list[str]


def add_column(folder: Path, table: str, column: str, type_: str) -> Changes:
    """Change the files below `folder`, which is `sql/` or a copy of it.

    Raises:
        NoSuchGroupError: no statement `get` returns the columns of this table.
    """
    statements = load_statements(folder)
    group = _group_of(table, statements)
    moved = [f"export/{table}", f"import/{table}"]
    names = [one.name for one in statements.values() if group in (one.name, one.columns_as) or one.name in moved]
    changed, left = [], [name for name in moved if name not in statements]
    for name in names:
        path = folder / f"{name}.sql"
        text = path.read_text(encoding="utf-8")
        new = _with_parameter(text, column, type_) if name.startswith("import/") else text
        new = _wrapped(_RETURNED.sub(rf"\g<0>, {column} {type_} null", new), f", {column} {type_} null", "--   ")
        new = _in_lists(new, column)
        # The body, since a header alone would be wrong.
        if _body(new) == _body(text):
            left.append(name)
        else:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return Changes(changed, left)


def _group_of(table: str, statements: Mapping[str, Statement]) -> str:
    """The statement whose columns the others return: that of the table's folder, or the only `get` that reads it."""
    if f"{table}/get" in statements:
        return f"{table}/get"
    reading = [name for name, one in statements.items() if name.endswith("/get") and table in tables_of(one)]
    if len(reading) != 1:
        found = f"{', '.join(reading)} read it" if reading else "no statement `get` reads it"
        raise NoSuchGroupError(f"sql/ has no folder {table}, and {found}: nothing was changed; add the column by hand")
    return reading[0]


def _with_parameter(text: str, column: str, type_: str) -> str:
    last = _LAST_PARAMETER.match(text)
    assert last is not None, "an import has parameters"
    return f"{last[0]}-- ${int(last['number']) + 1} {column} {type_} optional\n{text[last.end() :]}"


def _body(text: str) -> str:
    return text[len(_head(text)) :]


def _head(text: str) -> str:
    head = re.match(r"(?:--[^\n]*\n)*", text)
    assert head is not None
    return head[0]


def _in_lists(text: str, column: str) -> str:
    body = _body(text)
    body = _LINES.sub(
        lambda found: f"{found[0].rstrip(',;')},\n{found['indent']}{found['alias'] or ''}{column}{found['end']}",
        body,
    )
    body = _INLINE.sub(lambda found: f"{found[0]}, {found['alias'] or ''}{column}", body)
    return _head(text) + _wrapped(body, rf", \w*\.?{column}\b", "    ")


def _wrapped(text: str, end: str, indent: str) -> str:
    """Begin a new line before what was added where a line has become too long."""
    lines = []
    for line in text.split("\n"):
        found = re.search(end, line) if len(line) > _WIDTH else None
        if found is None:
            lines.append(line)
        else:
            own = indent if indent.startswith("--") else re.match(" *", line)[0]  # type: ignore[index]
            lines += [line[: found.start() + 1], own + line[found.start() + 2 :]]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        changes = add_column(ROOT / "sql", *sys.argv[1:4])
    except NoSuchGroupError as error:
        sys.exit(str(error))
    for changed_path in changes.changed:
        print(changed_path.relative_to(ROOT))
    if changes.left:
        sys.exit(f"not changed, add the column by hand: {', '.join(changes.left)}")
