"""The plan file of a statement: its examples, and the plans that were recorded for them.

    [first_page]
    arguments = { user_id = "@tenant.user_id", max_rows = 21 }
    custom = '''
    Limit …
    '''

A table is a case. Its arguments are texts in the notation of the server's types, numbers or booleans; an omitted
argument is null. `@tenant.user_id` refers to the column `user_id` of the row that `sql/samples/tenant.sql` finds in the
database. `cabinet sql baseline` writes the plans; `tests/plans/README.md` describes them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from svc.errors import StartupError
from svc.plans.shape import difference

_SHAPE = re.compile(r"^(custom|generic)(_\d\d)?$")


RECORDED_ON = 18
"""The major version of PostgreSQL whose plans are under `custom` and `generic`. If the plan of another version, such as
16, differs, it is under `custom_16` and `generic_16`."""


@dataclass(frozen=True)
class Case:
    """One example of a statement. A value is a text, or a reference such as `@tenant.user_id`; `shapes` are the
    recorded plans by their key, such as `custom` or `generic_16`."""

    name: str
    arguments: Mapping[str, str]
    shapes: Mapping[str, str]

    def shape(self, kind: str, version: int) -> str | None:
        """The recorded plan of a kind on a major version of PostgreSQL; None if there is none."""
        return self.shapes.get(f"{kind}_{version}", self.shapes.get(kind))


@dataclass(frozen=True)
class PlanFile:
    """The plan file of one statement, with its cases in order. `without_generic` and `without_plans` contain the
    reasons why no generic plan, or no plan, is recorded; otherwise they are empty."""

    path: Path
    cases: tuple[Case, ...]
    without_generic: str
    without_plans: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of plans that are recorded."""
        if self.without_plans:
            return ()
        return ("custom",) if self.without_generic else ("custom", "generic")

    def case(self, name: str | None) -> Case:
        """The case with this name, or the first if the name is None.

        Raises:
            StartupError: there is no such case.
        """
        for case in self.cases:
            if name is None or case.name == name:
                return case
        names = ", ".join(case.name for case in self.cases)
        raise StartupError(f"{self.path} has no case {name}; it has {names}")


def plan_path(folder: Path, statement: str) -> Path:
    """The path of a statement's plan file in the folder of plan files."""
    return folder / f"{statement}.toml"


def read_plan_file(path: Path) -> PlanFile:
    """Read one plan file.

    Raises:
        StartupError: the file does not exist or is malformed; the detail names it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StartupError(f"there is no plan file {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{path}: {error}") from error
    without = [str(document.pop(key, "")) for key in ("without_generic", "without_plans")]
    cases = tuple(_case(path, name, table) for name, table in document.items())
    if not cases:
        raise StartupError(f"{path} has no case: a table such as [first_page] with a line arguments = {{ … }}")
    return PlanFile(path, cases, *without)


def _case(path: Path, name: str, table: Any) -> Case:
    arguments = table.get("arguments") if isinstance(table, dict) else None
    if not isinstance(arguments, dict):
        raise StartupError(f"{path}: the case {name} has no line arguments = {{ name = value, … }}")
    shapes = {key: str(value) for key, value in table.items() if key != "arguments"}
    unknown = [key for key in shapes if not _SHAPE.match(key)]
    if unknown:
        raise StartupError(
            f"{path}: {unknown[0]} of the case {name} is none of arguments, custom, generic, custom_16, …"
        )
    return Case(name, {key: _text(path, name, key, value) for key, value in arguments.items()}, shapes)


def record_shapes(path: Path, recorded: Mapping[str, Mapping[str, str]], version: int) -> bool:
    """Write plans, by case and kind, into a plan file and keep the rest. Returns whether the file has changed.

    Plans of another version than `RECORDED_ON` are written only if they differ from those of that version.
    """
    text = path.read_text(encoding="utf-8")
    document = tomlkit.parse(text)
    for case, shapes in recorded.items():
        table: Any = document[case]
        for kind, shape in shapes.items():
            key = kind if version == RECORDED_ON else f"{kind}_{version}"
            if version != RECORDED_ON and difference(str(table.get(kind, "")), shape) == "":
                table.pop(key, None)
            # A plan within the recorded bounds is kept, so that a file changes only if a plan did.
            elif key not in table or difference(str(table[key]), shape):
                # Parsed, because a string that tomlkit creates would begin on the line of its quotes.
                table[key] = tomlkit.value(f"'''\n{shape}\n'''")
    changed = tomlkit.dumps(document)
    path.write_text(changed, encoding="utf-8")
    return changed != text


def _text(path: Path, case: str, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise StartupError(
        f"{path}: {name} of the case {case} is a text, a number, true or false; an array is a text as PostgreSQL "
        "writes it, such as '{user,assistant}'"
    )
