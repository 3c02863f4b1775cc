"""`bench.search` in its smallest form: it writes its files, and every variant has the expected recall."""

from __future__ import annotations

import csv
from pathlib import Path

from click.testing import CliRunner

from bench.search import main


def rows_of(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV below the line that states the machine."""
    comment, *lines = file.read_text().splitlines()
    assert comment.startswith("# ") and "PostgreSQL" in comment
    return list(csv.DictReader(lines))


def test_search(tmp_path: Path) -> None:
    arguments = ["--dimensions", "176", "--rows", "3000", "--sizes", "100,2600", "--rounds", "3", "--memory-mb", "64"]
    # These settings allow a smaller large tenant than the defaults.
    variables = {"CABINET_EXACT_MAX_ROWS": "1000", "CABINET_INDEX_MIN_ROWS": "2500"}
    result = CliRunner(env=variables).invoke(main, [*arguments, "--folder", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = {(row["tenant"], row["variant"]): row for row in rows_of(tmp_path / "search-176.csv")}
    usual = {"plain pgvector", "plain, iterative scan", "ORDER BY 1 - distance"}
    assert {variant for size, variant in rows if size == "100"} == usual | {"router", "exact", "bits"}
    assert {variant for size, variant in rows if size == "2,600"} == usual | {"router", "exact", "bits", "index"}
    assert rows["100", "router"]["lane"] == "exact" and rows["2,600", "router"]["lane"] == "index"
    for (_, variant), row in rows.items():
        assert 0 < float(row["p50 ms"]) <= float(row["p95 ms"])
        if variant in {"router", "exact", "bits", "index"}:
            assert float(row["recall@10"]) >= 0.9
    filtered = rows_of(tmp_path / "search-176-filters.csv")
    assert {row["keeps 1 in"] for row in filtered if row["tenant"] == "2,600"} == {"2", "10", "100"}
    assert all(float(row["recall@10"]) >= 0.9 for row in filtered)
    assert (tmp_path / "search-176.svg").stat().st_size > 1000
    assert "chunk_vectors_hnsw_" in (tmp_path / "search-176.2600.index.plan.txt").read_text()
    assert "chunk_vectors_signature_idx" in (tmp_path / "search-176.2600.bits.plan.txt").read_text()
    assert "Sort" in (tmp_path / "search-176.2600.seed_search.plan.txt").read_text()
