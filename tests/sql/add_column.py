"""Adds a nullable column to the statements that return all columns of a table, and to its export and import.

`python -m tests.sql.add_column conversations language text`, or `make column ARGS="conversations language text"`. The
table has the columns `created_at` and `updated_at`, which stand together in each list; the new one follows them. The
statements that write the column are not changed, except for the import.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from svc.database.statements import load_statements

ROOT = Path(__file__).resolve().parents[2]
_WIDTH = 110
_LINES = re.compile(r"(?m)^(?P<indent> +)(?P<alias>\w+\.)?created_at,\n +(?P=alias)updated_at(?P<end>[,;]?)$")
_INLINE = re.compile(r"(?<!\S)(?P<alias>\w+\.)?created_at, (?(alias)(?P=alias)|)updated_at\b(?! timestamptz)")
_RETURNED = re.compile(r"updated_at timestamptz(?= *,|\n)")
_LAST_PARAMETER = re.compile(r"(?ms)\A.*^-- \$(?P<number>\d+) [^\n]*\n")


def add_column(folder: Path, table: str, column: str, type_: str) -> list[Path]:
    """Change the files below `folder`, which is `sql/` or a copy of it; returns those that were changed."""
    group = f"{table}/get"
    names = [
        one.name for one in load_statements(folder).values()
        if group in (one.name, one.columns_as) or one.name in (f"export/{table}", f"import/{table}")
    ]  # fmt: skip
    changed = []
    for name in names:
        path = folder / f"{name}.sql"
        text = path.read_text(encoding="utf-8")
        new = _with_parameter(text, column, type_) if name.startswith("import/") else text
        new = _wrapped(_RETURNED.sub(rf"\g<0>, {column} {type_} null", new), f", {column} {type_} null", "--   ")
        new = _in_lists(new, column)
        if new != text:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


def _with_parameter(text: str, column: str, type_: str) -> str:
    last = _LAST_PARAMETER.match(text)
    assert last is not None, "an import has parameters"
    return f"{last[0]}-- ${int(last['number']) + 1} {column} {type_} optional\n{text[last.end() :]}"


def _in_lists(text: str, column: str) -> str:
    head = re.match(r"(?:--[^\n]*\n)*", text)
    assert head is not None
    body = text[head.end() :]
    body = _LINES.sub(
        lambda found: f"{found[0].rstrip(',;')},\n{found['indent']}{found['alias'] or ''}{column}{found['end']}",
        body,
    )
    body = _INLINE.sub(lambda found: f"{found[0]}, {found['alias'] or ''}{column}", body)
    return head[0] + _wrapped(body, rf", \w*\.?{column}\b", "    ")


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
    for changed_path in add_column(ROOT / "sql", *sys.argv[1:4]):
        print(changed_path.relative_to(ROOT))
