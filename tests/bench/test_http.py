"""The comparison over HTTP runs in its shortest form and writes its files."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
QUESTIONS = ("get user", "list documents", "recent messages", "search", "search, own index")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run, which checks that both stacks return the same rows."""
    folder = tmp_path_factory.mktemp("http")
    options = "--tenants 2 --size 100 --dimensions 32 --rounds 1 --seconds 0.1 --clients 2"
    run = subprocess.run(
        [sys.executable, "-m", "bench.http", *options.split(), "--folder", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def test_every_question_has_figures_of_every_variant(results: Path) -> None:
    with (results / "http.csv").open() as file:
        assert "PostgreSQL" in file.readline()
        rows = list(csv.DictReader(file))
    variants = {question: {row["variant"] for row in rows if row["question"] == question} for question in QUESTIONS}
    usual = {"Cabinet", "FastAPI, SQLAlchemy", "pgbench"}
    assert variants == dict.fromkeys(QUESTIONS, usual) | {"get user": usual | {"Cabinet, GET /me"}}
    for row in rows:
        assert float(row["requests/s"].replace(",", "")) > 0, row
        if row["variant"] == "pgbench":
            assert float(row["% of pgbench"]) == 100
        else:
            assert 0 < float(row["p50 ms"]) <= float(row["p95 ms"]), row


def test_there_are_plots_and_the_plans_of_both(results: Path) -> None:
    for figure in ("rate", "p50"):
        assert (results / f"http.{figure}.2-clients.svg").read_text().startswith("<?xml")
    for question in ("get-user", "list-documents", "recent-messages", "search"):
        for stack in ("cabinet", "seed"):
            assert "Execution Time" in (results / f"http.{question}.{stack}.plan.txt").read_text()
    assert "Execution Time" in (results / "http.search-own-index.cabinet.plan.txt").read_text()
