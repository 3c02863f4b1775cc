"""The text of a document is restored from its chunks, whatever they repeat and share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from svc.ingest.chunk import TextChunk
from svc.ingest.document import ReadDocument
from svc.ingest.packing import split
from svc.ingest.parse import parse
from svc.ingest.whole_text import WholeText
from tests.ingest.test_format_table import EXAMPLES

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("svc/ingest/[a-z]*.py")])


def together(chunks: list[TextChunk], place: int = 0) -> str:
    text = WholeText(place)
    return "".join(text.following(chunk.content, chunk.metadata) for chunk in chunks)


def chunks_of(document: ReadDocument, tokens: int, overlap: int) -> list[TextChunk]:
    return split(document, chunk_tokens=tokens, overlap_tokens=overlap, max_chunks=100_000)


def with_newlines(text: str, chunks: list[TextChunk]) -> str:
    """The expected text: white space between two chunks becomes newlines, and there is none at the end."""
    wanted, at = "", 0
    for chunk in chunks:
        start, end = chunk.metadata["start"], chunk.metadata["end"]
        if start > at:
            assert not text[at:start].strip(), "text is in no chunk"
            wanted += "\n" * (start - at)
        wanted += text[max(at, start) : end]
        at = max(at, end)
    assert not text[at:].strip(), "text is in no chunk"
    return wanted


@pytest.mark.parametrize(("tokens", "overlap"), [(32, 0), (64, 32), (512, 64)])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_text_of_pages_and_source_is_whole(path: Path, tokens: int, overlap: int) -> None:
    document = parse("code" if path.suffix == ".py" else "markdown", path.read_bytes())
    chunks = chunks_of(document, tokens, overlap)
    text = together(chunks)
    assert text == with_newlines(document.text, chunks)
    assert re.sub(r"\s", "", text) == re.sub(r"\s", "", document.text)
    for chunk in chunks:
        start, end = chunk.metadata["start"], chunk.metadata["end"]
        before, after = chunk.metadata.get("added", (0, 0))
        assert text[start:end] == chunk.content[before : len(chunk.content) - after]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_text_of_every_format_is_whole(name: str) -> None:
    document = parse(name, EXAMPLES[name])
    for tokens in (8, 16, 512):
        chunks = chunks_of(document, tokens, tokens // 4)
        assert together(chunks) == with_newlines(document.text, chunks)


@pytest.mark.parametrize("place", [0, 1, 100, 1_000, 5_000, 1_000_000])
def test_the_text_from_a_place_on(place: int) -> None:
    chunks = chunks_of(parse("markdown", (ROOT / "README.md").read_bytes()), 64, 16)
    whole = together(chunks)
    assert together([chunk for chunk in chunks if chunk.metadata["end"] > place], place) == whole[place:]


def test_chunks_without_places_follow_each_other() -> None:
    text = WholeText()
    assert text.following("one", {}) + text.following("two", {"start": "x", "added": 3}) == "one\n\ntwo"


def test_an_imported_chunk_cannot_ask_for_memory() -> None:
    """The metadata of an imported chunk can claim any position, and the gap before it becomes white space."""
    text = WholeText()
    assert text.following("one", {"start": 0, "end": 3}) == "one"
    assert text.following("two", {"start": 10**12, "end": 10**12 + 3}) == "\n\ntwo"
    assert text.following("three", {"start": 1_000, "end": 1_005}) == "\n" * (1_000 - 8) + "three"
