"""The plan file of a statement: the examples that it is explained with, and the plans that were recorded for them.

    [first_page]
    arguments = { user_id = "@tenant.user_id", max_rows = 21 }
    custom = '''
    Limit …
    '''

A table is a case. Its arguments are texts in the notation of the server's types, or numbers and truth values; one that
is left out is null. `@tenant.user_id` stands for the column `user_id` of what `sql/samples/tenant.sql` finds in the
database. The plans are written by `cabinet sql baseline`; `tests/plans/README.md` describes them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svc.errors import StartupError


@dataclass(frozen=True)
class Case:
    """One example of a statement. A value is a text, or a reference such as `@tenant.user_id`."""

    name: str
    arguments: Mapping[str, str]


@dataclass(frozen=True)
class PlanFile:
    """The plan file of one statement, with its cases in order."""

    path: Path
    cases: tuple[Case, ...]

    def case(self, name: str | None) -> Case:
        """The case of this name, the first when None.

        Raises:
            StartupError: there is none of this name.
        """
        for case in self.cases:
            if name is None or case.name == name:
                return case
        names = ", ".join(case.name for case in self.cases)
        raise StartupError(f"{self.path} has no case {name}; it has {names}")


def plan_path(folder: Path, statement: str) -> Path:
    """Where the plan file of a statement is, below the folder of all of them."""
    return folder / f"{statement}.toml"


def read_plan_file(path: Path) -> PlanFile:
    """Read one plan file.

    Raises:
        StartupError: the file is not there or is not written as it should be; the detail names it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StartupError(f"there is no plan file {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{path}: {error}") from error
    cases = tuple(_case(path, name, table) for name, table in document.items())
    if not cases:
        raise StartupError(f"{path} has no case: a table such as [first_page] with a line arguments = {{ … }}")
    return PlanFile(path, cases)


def _case(path: Path, name: str, table: Any) -> Case:
    arguments = table.get("arguments") if isinstance(table, dict) else None
    if not isinstance(arguments, dict):
        raise StartupError(f"{path}: the case {name} has no line arguments = {{ name = value, … }}")
    return Case(name, {key: _text(path, name, key, value) for key, value in arguments.items()})


def _text(path: Path, case: str, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise StartupError(
        f"{path}: {name} of the case {case} is a text, a number, true or false; an array is a text as PostgreSQL "
        "writes it, such as '{user,assistant}'"
    )
