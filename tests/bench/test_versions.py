"""`bench.versions` in its smallest form: two services of this version read the same files into the same chunks."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.versions import KINDS, OTHER, OURS, made_up_page, main

SMALL = ["--documents", "1", "--document-chunks", "4", "--rounds", "1", "--chunk-tokens", "64", "--memory-mb", "32"]


def test_versions(tmp_path: Path) -> None:
    """Both versions are measured with both kinds of files, and the ratios match the figures."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".venv").symlink_to(sys.prefix)
    arguments = [str(tmp_path / "other"), *SMALL, "--folder", str(tmp_path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)

    assert result.exit_code == 0, result.output
    _, *lines = (tmp_path / "versions.csv").read_text().splitlines()
    rows = {(row["files"], row["version"]): row for row in csv.DictReader(lines)}
    assert rows.keys() == {(kind, version) for kind in KINDS for version in (OURS, OTHER)}
    for kind in KINDS:
        ours, other = rows[kind, OURS], rows[kind, OTHER]
        assert int(ours["chunks"]) == int(other["chunks"]) >= 4
        assert float(other["times the other"]) == 1
        assert float(ours["CPU s/MB"]) == pytest.approx(
            float(ours["times the other's"]) * float(other["CPU s/MB"]), rel=0.05
        )


def test_made_up_pages_have_every_structure() -> None:
    page = made_up_page(3, 64, 1)
    assert page == made_up_page(3, 64, 1) != made_up_page(3, 64, 2)
    lines = page.splitlines()
    assert [sum(line.startswith(mark) for line in lines) for mark in ("# ", "## ", "### ", "```")] == [1, 1, 1, 2]
    assert sum(line.startswith("- ") for line in lines) == sum(line.startswith("| ") for line in lines) == 6
