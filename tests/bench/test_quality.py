"""The measurement of the quality of search runs on a small collection and writes its files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.collection import mean_ndcg, mean_recall, read_collection

ROOT = Path(__file__).parent.parent.parent
METHODS = ["Cabinet, hybrid", "Cabinet, keyword", "Cabinet, meaning", "BM25, bm25s", "exact vectors"]
DOCUMENTS = {
    "moon": "The Moon orbits the Earth once in 27 days.",
    "bread": "Bread is baked from flour, water, salt and yeast.",
    "law": "The court of appeal dismissed the claim for damages.",
}


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A folder with three documents, two questions with answers, and vectors that are nearest to their answers."""
    corpus = [{"_id": name, "title": name.title(), "text": text} for name, text in DOCUMENTS.items()]
    queries = [
        {"_id": "1", "text": "orbits of the moon"},
        {"_id": "2", "text": "yeast in bread"},
        {"_id": "3", "text": "no one knows the answer"},
    ]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in corpus))
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in queries))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\tmoon\t1\n1\tlaw\t0\n2\tbread\t2\n")
    np.save(tmp_path / "corpus.made.f16.npy", np.eye(3, 16, dtype=np.float16))
    np.save(tmp_path / "queries.made.f16.npy", np.eye(3, 16, dtype=np.float16) + np.float16(0.1))
    return tmp_path


@pytest.mark.parametrize("vectors", [(), ("--vectors", "made")], ids=["local model", "given vectors"])
def test_every_method_has_its_figures(collection: Path, tmp_path: Path, vectors: tuple[str, ...]) -> None:
    folder = tmp_path / "results"
    run = subprocess.run(
        [sys.executable, "-m", "bench.quality", str(collection), *vectors, "--folder", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    (file,) = folder.glob("*.csv")
    assert file.with_suffix(".svg").exists()
    with file.open() as lines:
        assert "PostgreSQL" in lines.readline()
        rows = list(csv.DictReader(lines))
    assert [row["method"] for row in rows] == METHODS
    for row in rows:
        assert (float(row["nDCG@10"]), float(row["recall@100"])) == (1, 1), row


def test_the_measures_are_those_of_the_literature(collection: Path) -> None:
    read = read_collection(collection, "made", 1)
    assert (list(read.queries), read.relevant) == (["1"], {"1": {"moon": 1}})
    relevant = {"q": {"a": 2, "b": 1, "c": 1}}
    assert mean_ndcg({"q": ["a", "b", "c"]}, relevant) == 1
    # (1 / log2(3)) / (2 + 1 / log2(3) + 1 / log2(4))
    assert mean_ndcg({"q": ["x", "b"]}, relevant) == pytest.approx(0.6309298 / 3.1309298)
    assert mean_recall({"q": ["x", "b"]}, relevant) == pytest.approx(1 / 3)
