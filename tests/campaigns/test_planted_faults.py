"""The faults that the campaign plants, without running the checks: each can still be planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.planted_faults.faults import ROOT, SUITE, Fault, FaultError, mistakes, read_faults
from tests.campaigns.planted_faults.results import Result, Results, verdict
from tests.campaigns.planted_faults.tasks import Outcome, name_of

FAULT = Fault("one", "svc/a.py", "old", "new", ["files"])


def test_each_fault_can_be_planted() -> None:
    assert mistakes(read_faults()) == []


def test_every_file_of_the_suite_has_faults() -> None:
    named = {check.partition("::")[0] for fault in read_faults() for check in fault.checks}
    assert named == {path.stem.removeprefix("test_") for path in (ROOT / SUITE).glob("test_*.py")}


@pytest.mark.parametrize(("text", "count"), [("nothing", 0), ("old, old", 2)])
def test_a_text_that_does_not_occur_once_is_named(tmp_path: Path, text: str, count: int) -> None:
    (tmp_path / "svc").mkdir()
    (tmp_path / "svc" / "a.py").write_text(text)
    with pytest.raises(FaultError, match=rf"^one: svc/a\.py contains the old text {count} times"):
        FAULT.planted(text)
    assert mistakes([FAULT], tmp_path) == [
        f"one: svc/a.py contains the old text {count} times, not once: 'old'",
        "one: there is no check files",
    ]


def test_a_check_counts_only_if_a_narrow_fault_made_it_fail() -> None:
    names = [f"files::{number}" for number in range(8)]
    healthy = Outcome(dict.fromkeys(names, 0.1), [])

    def found(own: list[str], others: list[str]) -> dict[str, list[str]]:
        part = Outcome(dict.fromkeys(names[4:], 0.1), others)
        result = Result(FAULT.digest, Outcome(dict.fromkeys(names[:4], 0.1), own), part)
        return {heading.partition(" ")[0] + heading[-8:]: each for heading, each in
                verdict([FAULT], Results(healthy, {"one": result}))}  # fmt: skip

    narrow, broad, silent = found(names[:1], []), found(names[:1], names[4:6]), found([], [])
    assert narrow["checksade fail"] == names[1:]
    assert broad["checksade fail"] == names
    assert silent["faults noticed"] == ["one"]


def test_the_name_of_a_check_has_no_parameters() -> None:
    assert name_of("tests/clients/openai/test_files.py::test_a[sync-b::c]") == "files::test_a"
