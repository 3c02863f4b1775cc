"""`bench.row_security` in its smallest form: both databases return the same rows, and the ratios match the times."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.row_security import main

SMALL = ["--dimensions", "64", "--vectors", "200", "--others", "100", "--rounds", "5"]


def test_row_security(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [*SMALL, "--folder", str(tmp_path)], catch_exceptions=False)

    assert result.exit_code == 0, result.output
    _, *lines = (tmp_path / "row_security.csv").read_text().splitlines()
    rows = {row["question"]: row for row in csv.DictReader(lines)}
    assert rows.keys() == {"user", "list", "exact", "bits", "filter", "store"}
    for row in rows.values():
        assert float(row["times"]) == pytest.approx(float(row["on p50 ms"]) / float(row["off p50 ms"]), rel=0.05)
