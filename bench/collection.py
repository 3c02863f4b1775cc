"""Collections of documents and questions with known answers, in the format of BEIR, and the measures of a ranking."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rankings = dict[str, list[str]]
"""Query -> its documents, best first."""


@dataclass(frozen=True)
class Collection:
    """Documents and questions by id, and query -> document -> relevance. Vectors, if given, are in the same order."""

    name: str
    documents: dict[str, str]
    queries: dict[str, str]
    relevant: dict[str, dict[str, int]]
    document_vectors: Vectors | None
    query_vectors: Vectors | None


def read_collection(folder: Path, vectors: str | None = None, query_count: int = 0) -> Collection:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`, and `….<vectors>.f16.npy`; a limit of 0 means all
    queries."""
    entries = _lines(folder / "corpus.jsonl")
    documents = {entry["_id"]: f"{entry.get('title', '')}\n\n{entry['text']}".strip() for entry in entries}
    relevant = _relevant(folder / "qrels.tsv")
    asked = _lines(folder / "queries.jsonl")
    rows = [row for row, query in enumerate(asked) if query["_id"] in relevant][: query_count or None]
    queries = {asked[row]["_id"]: asked[row]["text"] for row in rows}
    return Collection(
        folder.resolve().name,
        documents,
        queries,
        {query: relevant[query] for query in queries},
        _unit(folder / f"corpus.{vectors}.f16.npy") if vectors else None,
        _unit(folder / f"queries.{vectors}.f16.npy")[rows] if vectors else None,
    )


def _lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def _relevant(file: Path) -> dict[str, dict[str, int]]:
    relevant: dict[str, dict[str, int]] = {}
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        if int(score) > 0:
            relevant.setdefault(query, {})[document] = int(score)
    return relevant


def _unit(file: Path) -> Vectors:
    vectors = np.load(file).astype(np.float32)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def mean_ndcg(rankings: Rankings, relevant: Mapping[str, Mapping[str, int]], at: int = 10) -> float:
    """Mean over the queries of the discounted gain of the first documents, divided by the maximum."""
    shares = []
    for query, wanted in relevant.items():
        gain = _gain([wanted.get(document, 0) for document in rankings[query][:at]])
        shares.append(gain / _gain(sorted(wanted.values(), reverse=True)[:at]))
    return _mean(shares)


def mean_recall(rankings: Rankings, relevant: Mapping[str, Mapping[str, int]], at: int = 100) -> float:
    """Mean over the queries of the share of relevant documents among the first."""
    return _mean([len({*rankings[query][:at]} & {*wanted}) / len(wanted) for query, wanted in relevant.items()])


def _gain(relevances: Sequence[int]) -> float:
    return sum(relevance / math.log2(rank + 2) for rank, relevance in enumerate(relevances))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
