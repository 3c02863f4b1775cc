"""The results of a search, made from the found chunks: equal texts, groups, budgets, passages and highlights."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc.ingest.packing import split
from svc.ingest.parsers.markdown import parse
from svc.search.highlights import Highlighter
from svc.search.operators import read_query
from svc.search.passages import joined_text, spans, token_bound
from svc.search.results import Hit, fitting, folded, grouped
from svc.terms.by_language import LanguageWords


@dataclass(frozen=True)
class Found:
    """A row of a search."""

    chunk_id: UUID
    document_id: UUID
    chunk_index: int
    content: str = ""
    token_count: int = 1
    chunk_metadata: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def reading_id(self) -> UUID:
        return self.document_id


def found(number: int, *, document: int = 1, content: str = "") -> Found:
    return Found(UUID(int=1000 * document + number), UUID(int=document), number, content)


def test_equal_texts_are_one_with_the_number_of_the_others() -> None:
    rows = [found(1, content="a"), found(2, content="b"), found(3, content="a"), found(4, content="a")]
    assert [(hit.row.chunk_index, hit.duplicates) for hit in folded(rows)] == [(1, 2), (2, 0)]


def test_groups_are_in_the_order_of_their_best_chunks() -> None:
    hits = [Hit(found(n, document=d)) for n, d in enumerate([2, 1, 2, 3, 2, 1])]
    assert [(hit.row.document_id.int, hit.row.chunk_index) for hit in grouped(hits, 2, 2)] == [
        (2, 0), (2, 2), (1, 1), (1, 5)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "budget", "kept"),
    [([5, 5, 5], 10, [5, 5]), ([5, 9, 5], 10, [5, 5]), ([11], 10, []), ([], 10, []), ([10], 10, [10])],
)
def test_items_that_do_not_fit_are_left_out(sizes: list[int], budget: int, kept: list[int]) -> None:
    assert fitting([[size] for size in sizes], budget, lambda size: size) == kept


def test_a_smaller_form_takes_the_place_of_one_that_does_not_fit() -> None:
    assert fitting([[12, 3], [9, 7]], 10, lambda size: size) == [3, 7]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 2)), max_size=15, unique=True), st.integers(1, 5))
def test_spans_contain_each_chunk_once_with_its_neighbours(places: list[tuple[int, int]], neighbours: int) -> None:
    merged = spans([Hit(found(index, document=document)) for index, document in places], neighbours)
    assert sorted(hit.row.chunk_id for span in merged for hit in span.hits) == sorted(
        found(index, document=document).chunk_id for index, document in places
    )
    for number, span in enumerate(merged):
        assert not any(span.overlaps(other) for other in merged[number + 1 :])
        assert {hit.row.document_id for hit in span.hits} == {span.reading_id}
        wanted = {
            index
            for hit in span.hits
            for index in range(max(0, hit.row.chunk_index - neighbours), hit.row.chunk_index + neighbours + 1)
        }
        assert wanted == set(range(span.first, span.last + 1))


TABLE = "\n".join(["| planet | moons |", "|---|---|", *(f"| planet {n} | it has {n} moons |" for n in range(60))])
CODE = "```python\n" + "\n\n".join(f"def moon_{n}():\n    return {n}" for n in range(60)) + "\n```"
PROSE = " ".join(f"Sentence number {n} tells of moon {n}." for n in range(120))
TEXT = f"# Moons\n\n{PROSE}\n\n## A table\n\n{TABLE}\n\n## Code\n\n{CODE}\n\nThe end of it all.\n"


@pytest.mark.parametrize(("tokens", "overlap"), [(64, 0), (64, 16), (100, 30), (200, 50)])
def test_a_passage_of_all_chunks_is_the_text_of_the_document(tokens: int, overlap: int) -> None:
    document = parse(TEXT.encode())
    chunks = split(document, chunk_tokens=tokens, overlap_tokens=overlap, max_chunks=1000)
    assert len(chunks) > 5
    assert "".join(joined_text(chunks).split()) == "".join(document.text.split())
    assert joined_text(chunks).count("| planet | moons |") == 1
    assert joined_text(chunks[:1]) == chunks[0].content


@pytest.mark.parametrize(
    "metadata", [{}, {"start": 0, "end": 5}, {"start": "a", "end": None}, {"start": 0, "end": 29, "added": "xy"}]
)
def test_the_common_part_of_texts_without_a_place_appears_once(metadata: dict[str, Any]) -> None:
    first, second = "One thing. This is shared by both.", "This is shared by both. Another thing."
    parts = [Found(UUID(int=1), UUID(int=1), n, text, metadata=metadata) for n, text in enumerate([first, second])]
    assert joined_text(parts) == "One thing. This is shared by both. Another thing."
    parts = [Found(UUID(int=1), UUID(int=1), n, text, metadata=metadata) for n, text in enumerate(["One", "Two"])]
    assert joined_text(parts) == "One\nTwo"
    assert token_bound(parts) >= 2


def test_places_that_a_caller_made_up_lose_no_text() -> None:
    parts = [
        Found(UUID(int=1), UUID(int=1), 0, "abcdef", metadata={"start": 0, "end": 6}),
        Found(UUID(int=2), UUID(int=1), 1, "ghijkl", metadata={"start": 3, "end": 9}),
    ]
    assert joined_text(parts) == "abcdef\nghijkl"


HIGHLIGHTS = [
    ("codes", "Coding is fun; the coder codes.", ["Coding", "codes"]),
    ("der coding", "call asn1_der_coding now", ["asn1_der_coding"]),
    ('"long period" -Halley', "A comet of long period, unlike Halley", ["long", "period"]),
    ("東京", "京都と東京都に行く", ["東京"]),
    ("京", "京都と東京都", ["京", "京"]),
    ("the of and", "the king of the hill", []),
    ("naïve", "A NAÏVE plan 🙂 and naïveté", ["NAÏVE"]),
    ("moon", "🙂🙂 the Moon", ["Moon"]),
]


@pytest.mark.parametrize(("query", "text", "expected"), HIGHLIGHTS)
async def test_highlights_are_the_words_of_the_query(query: str, text: str, expected: list[str]) -> None:
    (places,) = await Highlighter(LanguageWords("english"), read_query(query)).of([text])
    assert [text[begin:end] for begin, end in places] == expected


@given(st.text(max_size=200), st.text(max_size=40))
async def test_highlights_are_in_order_and_within_the_text(text: str, query: str) -> None:
    (places,) = await Highlighter(LanguageWords("english"), read_query(query + text[:20])).of([text])
    assert all(0 <= begin < end <= len(text) for begin, end in places)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(places))
