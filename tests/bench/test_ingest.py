"""`bench.ingest` in its smallest form: it writes its files, and every variant stored the same rows."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.ingest import main
from bench.ingest_documents import AGAIN, ENDPOINT, LOCAL, NEW, made_up_text
from bench.ingest_rows import BARE, CABINET, CABINET_INDEXED, ORM, ORM_PLAIN, WARM_UP, Material, RowOptions

SMALL = ["--dimensions", "64", "--memory-mb", "32"]


def test_material_is_the_same_in_every_form() -> None:
    """The ORM gets the vectors as lists, Cabinet in half precision, and each round has different texts."""
    material = Material(RowOptions(dimensions=16, held=0, chunks=3, rounds=1))
    first = [chunk.content for chunk in material.chunks]
    assert material.halves.tolist() == [pytest.approx(row, abs=1e-3) for row in material.lists]
    material.advance()
    assert not {*first} & {chunk.content for chunk in material.chunks}


def rows_of(file: Path) -> list[dict[str, str]]:
    """The rows of a report; its first line states the machine."""
    comment, *lines = file.read_text().splitlines()
    assert comment.startswith("# ") and "PostgreSQL" in comment
    return list(csv.DictReader(lines))


def number(text: str) -> float:
    """A figure of a report."""
    return float(text.replace(",", ""))


def test_rows(tmp_path: Path) -> None:
    """All variants have the same number of rows and a rate; plans name the keys that a COPY maintains."""
    arguments = [*SMALL, "--part", "rows", "--held", "160", "--chunks", "20", "--rounds", "2"]
    result = CliRunner().invoke(main, [*arguments, "--folder", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = {row["variant"]: row for row in rows_of(tmp_path / "ingest-rows.csv")}
    assert rows.keys() == {CABINET, CABINET_INDEXED, ORM, ORM_PLAIN, BARE}
    for row in rows.values():
        assert number(row["rows stored"]) == 20 * (2 + WARM_UP)
        assert number(row["rows/s"]) == pytest.approx(20_000 / number(row["p50 ms"]), rel=0.02)
        assert number(row["p50 ms"]) <= number(row["p95 ms"])
    assert number(rows[ORM]["times SQLAlchemy"]) == 1
    assert number(rows[BARE]["% of COPY"]) == 100
    assert (tmp_path / "ingest-rows.svg").stat().st_size > 1000
    plans = {file.name: file.read_text() for file in tmp_path.glob("ingest-rows.*.plan.txt")}
    assert len(plans) == 7
    assert "chunk_vectors_document_fkey" in plans["ingest-rows.cabinet.vectors.plan.txt"]
    assert "Insert on document_chunks" in plans["ingest-rows.sqlalchemy.plan.txt"]


def test_documents(tmp_path: Path) -> None:
    """Both providers ingest every chunk; neither embeds texts that are uploaded again."""
    arguments = [*SMALL, "--part", "documents", "--documents", "2", "--document-chunks", "5", "--chunk-tokens", "64"]
    result = CliRunner().invoke(
        main, [*arguments, "--document-rounds", "1", "--folder", str(tmp_path)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    rows = {(row["provider"], row["pass"]): row for row in rows_of(tmp_path / "ingest-documents.csv")}
    assert rows.keys() == {(provider, which) for provider in (LOCAL, ENDPOINT) for which in (NEW, AGAIN)}
    assert len({row["chunks"] for row in rows.values()}) == 1
    for (_, which), row in rows.items():
        assert number(row["chunks"]) >= 10
        assert number(row["chunks/s"]) == pytest.approx(number(row["chunks"]) / number(row["p50 s"]), rel=0.02)
        assert number(row["reused %"]) == (100 if which == AGAIN else 0)
        assert number(row["parse ms"]) > 0 and number(row["store ms"]) > 0
    assert (tmp_path / "ingest-documents.svg").stat().st_size > 1000
    assert "ingestion_jobs" in (tmp_path / "ingest-documents.worker.claim.plan.txt").read_text()
    assert "content_hash" in (tmp_path / "ingest-documents.worker.known_vectors.plan.txt").read_text()


def test_made_up_text_differs_by_seed() -> None:
    """Equal seeds result in equal texts, and different seeds in different texts."""
    assert made_up_text(3, 64, 1) == made_up_text(3, 64, 1) != made_up_text(3, 64, 2)
