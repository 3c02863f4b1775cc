"""`bench.growth` in its smallest form: it writes its files, with the figures of every question at every size."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.growth import CONVERSATIONS_QUESTION, MESSAGES_QUESTION, ORM_MESSAGES, main

SMALL = ["--dimensions", "64", "--tenants", "100,200", "--rows", "400,900", "--memory-mb", "32", "--checked", "5"]
SEARCHES = {"search, tenant of 100", "search, tenant of 200"}


def number(text: str) -> float:
    """A figure of a report."""
    return float(text.replace(",", ""))


def test_growth(tmp_path: Path) -> None:
    """Every question at both sizes: exact searches find everything, and the ratios match the times."""
    result = CliRunner().invoke(main, [*SMALL, "--rounds", "5", "--folder", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    comment, *lines = (tmp_path / "growth.csv").read_text().splitlines()
    assert comment.startswith("# ") and "PostgreSQL" in comment
    rows = {(row["vectors"], row["question"]): row for row in csv.DictReader(lines)}
    questions = SEARCHES | {MESSAGES_QUESTION, CONVERSATIONS_QUESTION, "ORM, search, tenant of 200", ORM_MESSAGES}
    assert rows.keys() == {(size, question) for size in ("400", "900") for question in questions}
    for (_, question), row in rows.items():
        assert 0 < number(row["p50 ms"]) <= number(row["p95 ms"])
        assert number(row["times p50"]) == pytest.approx(number(row["p50 ms"]) / number(row["p50 then"]), rel=0.02)
        assert number(row["rounds"]) == 5
        if question in SEARCHES:
            assert (row["lane"], number(row["recall@10"])) == ("exact", 1)
    assert number(rows["900", MESSAGES_QUESTION]["messages"]) > number(rows["400", MESSAGES_QUESTION]["messages"])
    for name in ("growth.svg", "growth.ratio.svg"):
        assert (tmp_path / name).stat().st_size > 1000
    assert "messages_pkey" in (tmp_path / "growth.900.messages-list.plan.txt").read_text()
    assert "Sort" in (tmp_path / "growth.900.orm.messages.plan.txt").read_text()


@pytest.mark.parametrize("rows", ["300,200", "250,900"])
def test_rows_must_rise_from_what_the_tenants_have(rows: str, tmp_path: Path) -> None:
    """Impossible sizes are refused before anything starts."""
    result = CliRunner().invoke(main, [*SMALL, "--rows", rows, "--folder", str(tmp_path)])
    assert result.exit_code == 2 and "must increase" in result.output
