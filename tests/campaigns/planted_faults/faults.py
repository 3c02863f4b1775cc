"""The faults: changes of one text in one file of the service, each with the checks that should notice it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

ROOT = Path(__file__).parents[3]
SUITE = "tests/clients/openai"
_FOLDER = Path(__file__).with_name("faults")


class FaultError(Exception):
    """A fault cannot be planted; the message names it."""


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """In `file`, `new` takes the place of `old`, which occurs once.

    `checks` are the files of the suite (without `test_` and `.py`), or single checks (`file::name`), that run.
    """

    name: str
    file: str
    old: str
    new: str
    checks: list[str]

    @property
    def digest(self) -> str:
        """Changes with the fault, so that a recorded result of an earlier form does not count."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]

    def planted(self, text: str) -> str:
        """Return the text of the file with the fault.

        Raises:
            FaultError: the old text does not occur exactly once, or the new one is the same.
        """
        if (count := text.count(self.old)) != 1:
            raise FaultError(f"{self.name}: {self.file} contains the old text {count} times, not once: {self.old!r}")
        if self.old == self.new:
            raise FaultError(f"{self.name}: the new text is the old one")
        return text.replace(self.old, self.new)


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    fault: list[Fault]


def read_faults(folder: Path = _FOLDER) -> list[Fault]:
    """Read all faults, in the order of the files.

    Raises:
        FaultError: two have the same name.
    """
    files = [msgspec.toml.decode(path.read_bytes(), type=_File) for path in sorted(folder.glob("*.toml"))]
    faults = [fault for file in files for fault in file.fault]
    names: set[str] = set()
    for fault in faults:
        if fault.name in names:
            raise FaultError(f"two faults have the name {fault.name}")
        names.add(fault.name)
    return faults


def mistakes(faults: list[Fault], root: Path = ROOT) -> list[str]:
    """Return a sentence for each fault that cannot be planted, or whose checks do not exist."""
    found = []
    for fault in faults:
        path = root / fault.file
        try:
            fault.planted(path.read_text() if path.is_file() else "")
        except FaultError as error:
            found.append(str(error))
        for check in fault.checks:
            file, _, name = check.partition("::")
            suite = root / SUITE / f"test_{file}.py"
            if not suite.is_file() or (name and f"def {name}(" not in suite.read_text()):
                found.append(f"{fault.name}: there is no check {check}")
    return found
