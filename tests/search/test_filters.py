"""The filters of a search, alone and combined, compared with the same filters in Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from svc.search.filters import DocumentFilters
from tests.routes.answers import ok, statements
from tests.search.corpus import FIRST_DAY, Corpus, StoredChunk, check

Keep = Callable[[StoredChunk], bool]


def day(number: float, offset_hours: int = 0) -> str:
    """The timestamp of the document with this number, as a text."""
    moment = FIRST_DAY + timedelta(days=number)
    if not offset_hours:
        return moment.isoformat().replace("+00:00", "Z")
    return (moment + timedelta(hours=offset_hours)).replace(tzinfo=None).isoformat() + f"{offset_hours:+03d}:00"


def documents(*numbers: int) -> Callable[[Corpus], dict[str, Any]]:
    return lambda corpus: {"document_ids": [corpus.document_ids[number] for number in numbers]}


def plain(**filters: Any) -> Callable[[Corpus], dict[str, Any]]:
    return lambda _: filters


def number_in(*numbers: int) -> Keep:
    return lambda chunk: chunk.metadata["number"] in numbers


FILTERS: dict[str, tuple[Callable[[Corpus], dict[str, Any]], Keep]] = {
    "one document": (documents(3), number_in(3)),
    "some documents": (documents(0, 2, 5), number_in(0, 2, 5)),
    "a document twice": (documents(1, 1), number_in(1)),
    "no document": (plain(document_ids=[]), number_in()),
    "a document that does not exist": (plain(document_ids=[str(uuid4())]), number_in()),
    "metadata": (plain(metadata={"topic": "sea"}), number_in(0, 3)),
    "two members of the metadata": (plain(metadata={"topic": "sea", "number": 3}), number_in(3)),
    "nested metadata": (plain(metadata={"nested": {"tags": [4]}}), number_in(4)),
    "metadata of all documents": (plain(metadata={"nested": {"tags": ["all"]}}), lambda _: True),
    "metadata of no document": (plain(metadata={"topic": "Sea"}), number_in()),
    "a metadata value of another type": (plain(metadata={"number": "3"}), number_in()),
    "a null in the metadata": (plain(metadata={"topic": None}), number_in()),
    "empty metadata": (plain(metadata={}), lambda _: True),
    "the chunk's own metadata is not compared": (plain(metadata={"page": 3}), number_in()),
    "one file type": (plain(file_types=["pdf"]), lambda chunk: chunk.file_type == "pdf"),
    "two file types": (plain(file_types=["csv", "html"]), lambda chunk: chunk.file_type in ("csv", "html")),
    "no file type": (plain(file_types=[]), number_in()),
    "after": (plain(uploaded_after=day(2.5)), number_in(3, 4, 5)),
    "after, at the exact timestamp": (plain(uploaded_after=day(3)), number_in(3, 4, 5)),
    "after, a microsecond later": (plain(uploaded_after=day(3 + 1e-6 / 86400)), number_in(4, 5)),
    "after, in another time zone": (plain(uploaded_after=day(3, -8)), number_in(3, 4, 5)),
    "after the last": (plain(uploaded_after="9000-01-01T00:00:00Z"), number_in()),
    "before": (plain(uploaded_before=day(1.5)), number_in(0, 1)),
    "before, at the exact timestamp": (plain(uploaded_before=day(1)), number_in(0)),
    "before, in another time zone": (plain(uploaded_before=day(1, 5)), number_in(0)),
    "before the first": (plain(uploaded_before="0001-01-01T00:00:00Z"), number_in()),
    "between": (plain(uploaded_after=day(1), uploaded_before=day(4)), number_in(1, 2, 3)),
    "between, in the wrong order": (plain(uploaded_after=day(4), uploaded_before=day(1)), number_in()),
    "documents and metadata": (
        lambda corpus: {**documents(0, 1, 2, 3)(corpus), "metadata": {"topic": "sea"}},
        number_in(0, 3),
    ),
    "types and moments": (plain(file_types=["text", "pdf"], uploaded_after=day(1)), number_in(3)),
    "everything": (
        lambda corpus: {
            **documents(1, 2, 4)(corpus),
            "metadata": {"nested": {"tags": ["all"]}, "topic": "sky"},
            "file_types": ["markdown", "csv"],
            "uploaded_after": day(2),
            "uploaded_before": day(5),
        },
        number_in(4),
    ),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("metric", ["cosine", "l2", "inner_product"])
async def test_a_filter_keeps_only_matching_chunks(
    corpus: Corpus, queries: list[list[float]], name: str, metric: str
) -> None:
    filters, keep = FILTERS[name]
    body = {"embedding": queries[2], "limit": 20, "metric": metric, **filters(corpus)}
    answer = await corpus.tenant.post("/search", json=body)
    assert statements(answer) <= 2, "the key and the search"
    left = corpus.of(keep)
    if left:
        check(ok(answer)["results"], queries[2], left, metric=metric, limit=20)
    else:
        assert ok(answer)["results"] == []


def test_the_schema_compares_every_filter_of_a_request_and_no_other() -> None:
    """The statements pass on the filters unread: a filter that the function does not know would be ignored silently."""
    schema = (Path(__file__).parents[2] / "schema.sql").read_text()
    function = re.search(r"CREATE FUNCTION (?:public\.)?document_matches\(.*?;\n", schema, re.IGNORECASE | re.DOTALL)
    assert function is not None
    divided = {"path", "has_fields"}  # The parts into which svc/filters/ splits the field `filter`.
    assert {*re.findall(r"filters ->>? '(\w+)'", function[0])} == {*DocumentFilters.__struct_fields__} - {
        "filter"
    } | divided


async def test_the_filters_of_these_tests_are_significant(corpus: Corpus) -> None:
    """Most filters keep some chunks and drop others, so that an ignored filter would be noticed."""
    kept = [len(corpus.of(keep)) for _, keep in FILTERS.values()]
    assert sum(0 < count < len(corpus.chunks) for count in kept) >= 18


async def test_the_five_most_similar_chunks_of_one_user_in_chosen_documents_after_a_date(
    corpus: Corpus, queries: list[list[float]]
) -> None:
    """The main use of the product, in one statement, with a threshold."""
    await corpus.tenant.get("/me")  # The key is cached by now, so only the search is counted.
    chosen = [corpus.document_ids[number] for number in (1, 3, 4)]
    body = {"embedding": queries[3], "limit": 5, "document_ids": chosen, "uploaded_after": day(2)}
    left = corpus.of(lambda chunk: chunk.document_id in chosen and chunk.created_at >= FIRST_DAY + timedelta(days=2))
    answer = await corpus.tenant.post("/search", json=body)
    assert statements(answer) == 1
    results = ok(answer)["results"]
    check(results, queries[3], left)
    assert {result["document_id"] for result in results} <= set(chosen[1:])

    threshold = results[2]["similarity"]
    answer = await corpus.tenant.post("/search", json={**body, "threshold": threshold})
    assert statements(answer) == 1
    assert ok(answer)["results"] == results[:3]


async def test_the_threshold_applies_after_the_filters(corpus: Corpus, queries: list[list[float]]) -> None:
    """If the threshold were applied before the filters, too few chunks would be found."""
    body = {"embedding": queries[4], "limit": 5, "threshold": -1, "document_ids": [corpus.document_ids[2]]}
    results = ok(await corpus.tenant.post("/search", json=body))["results"]
    check(results, queries[4], corpus.of(number_in(2)))


async def test_the_other_tenant_finds_only_their_own_chunks(
    corpus: Corpus, tempting: Corpus, queries: list[list[float]]
) -> None:
    """Their vectors equal the queries, so a search that ignored its tenant would find them first."""
    for query in queries:
        body = {"embedding": query, "limit": 100}
        mine = ok(await corpus.tenant.post("/search", json=body))["results"]
        theirs = ok(await tempting.tenant.post("/search", json=body))["results"]
        assert theirs[0]["distance"] == pytest.approx(0, abs=1e-6)
        check(mine, query, corpus.chunks, limit=100)
        check(theirs, query, tempting.chunks, limit=100)
        foreign = ok(await corpus.tenant.post("/search", json={**body, "document_ids": tempting.document_ids}))
        assert foreign["results"] == []
        mixed = ok(
            await corpus.tenant.post(
                "/search", json={**body, "document_ids": [*tempting.document_ids, corpus.document_ids[0]]}
            )
        )
        check(mixed["results"], query, corpus.of(number_in(0)), limit=100)
