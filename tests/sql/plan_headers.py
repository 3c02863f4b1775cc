"""Compares the line `index:` of a header with the plans that are recorded for the statement in
`tests/plans/baselines/`.

    python -m tests.sql.plan_headers

writes the line of every header from the recorded plans.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

from svc.database.statements import Statement, load_statements
from svc.errors import StartupError
from svc.plans.files import PlanFile, plan_path, read_plan_file
from tests.sql.tree import Fault

BASELINES = Path("tests/plans/baselines")
_INDEXES = re.compile(r" using ([\w…]+)|^ *Conflict Arbiter Indexes: (.+)$", re.MULTILINE)
_WIDTH = 110


def used_indexes(file: PlanFile) -> list[str]:
    """The indexes that any recorded plan of a statement uses, in the order of the plans, each once.

    The own index of a large tenant is `chunk_vectors_hnsw_…`. No plan contains an index that only a foreign key's
    cascade uses.
    """
    plans = [plan for case in file.cases for plan in case.shapes.values()]
    found = (name for plan in plans for match in _INDEXES.finditer(plan) for name in (match[1] or match[2]).split(", "))
    return list(dict.fromkeys(found))


def header_faults(statements: Iterable[Statement], folder: Path) -> list[Fault]:
    """The statements whose header differs from the indexes in their recorded plans below `folder`."""
    faults = []
    for statement in statements:
        path = plan_path(folder, statement.name)
        try:
            used = used_indexes(read_plan_file(path)) if path.exists() else []
        except StartupError as error:
            faults.append(Fault(path, 1, error.detail))
            continue
        if set(used) != set(statement.indexes):
            faults.append(Fault(statement.path, _line(statement), _message(used)))
    return faults


def _message(used: list[str]) -> str:
    if not used:
        return "no recorded plan uses an index: drop the line `-- index:`"
    return f"the recorded plans use other indexes; run python -m tests.sql.plan_headers: `-- index: {', '.join(used)}`"


def _line(statement: Statement) -> int:
    lines = enumerate(statement.text.splitlines(), 1)
    return next((number for number, line in lines if line.startswith("-- index:")), 1)


def rewritten(statement: Statement, used: list[str]) -> str:
    """The text of a statement with its line `index:` from the plans; existing names keep their order."""
    kept = [name for name in statement.indexes if name in used]
    names = ", ".join([*kept, *(name for name in used if name not in kept)])
    line = "\n".join(textwrap.wrap(f"-- index: {names}", _WIDTH, subsequent_indent="--   ")) + "\n" if used else ""
    header = "".join(line for line in statement.text.splitlines(keepends=True) if line.startswith("--"))
    body = statement.text.removeprefix(header)
    if "-- index:" in header:
        return re.sub(r"^-- index:.*\n(?:--   .*\n)*", line, header, flags=re.MULTILINE) + body
    return header + line + body


def main() -> None:
    """Write the headers, and print the changed ones."""
    root = Path(__file__).resolve().parents[2]
    for statement in load_statements(root / "sql").values():
        path = plan_path(root / BASELINES, statement.name)
        used = used_indexes(read_plan_file(path)) if path.exists() else []
        if set(used) != set(statement.indexes):
            statement.path.write_text(rewritten(statement, used), encoding="utf-8")
            print(statement.name)


if __name__ == "__main__":
    main()
