"""Chunks are small enough, lose nothing, and contain their position."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from svc.errors import DocumentRejectedError
from svc.ingest import tokens
from svc.ingest.chunk import TextChunk
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.formats import FileType
from svc.ingest.packing import split
from svc.ingest.parse import parse
from svc.ingest.parsers.characters import clean_text
from svc.ingest.tokens import WordCounter, count_tokens, count_tokens_batch
from tests.lengths import length

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "while", "researchers", "measure", "latency"]
# The tested share of the longest texts: time that grows with the square of the length is also visible in a quarter.
PART = length(4, 1)


def prose(characters: int, seed: int = 1) -> str:
    """Paragraphs of sentences with about this number of characters."""
    chooser, text = random.Random(seed), []
    size = 0
    while size < characters:
        sentence = " ".join(chooser.choices(WORDS, k=chooser.randint(4, 20))).capitalize() + "."
        text.append(sentence + ("\n\n" if chooser.random() < 0.1 else " "))
        size += len(text[-1])
    return "".join(text)


def chunks_of(
    text: str, file_type: FileType = "text", *, tokens: int = 64, overlap: int = 0, most: int = 100_000
) -> list[TextChunk]:
    return cut(parse(file_type, text.encode()), tokens=tokens, overlap=overlap, most=most)


def cut(document: ReadDocument, *, tokens: int = 64, overlap: int = 0, most: int = 100_000) -> list[TextChunk]:
    """The chunks of a document. Checks that each is at its position in the text, and that together they are the
    text."""
    chunks = split(document, chunk_tokens=tokens, overlap_tokens=overlap, max_chunks=most)
    at = 0
    for chunk in chunks:
        start, end = chunk.metadata["start"], chunk.metadata["end"]
        before, after = chunk.metadata.get("added", (0, 0))
        assert chunk.content[before : len(chunk.content) - after] == document.text[start:end]
        assert not document.text[at:start].strip()
        at = end
    assert not document.text[at:].strip()
    return chunks


@pytest.mark.parametrize("file_type", ["text", "markdown"])
@pytest.mark.parametrize("overlap", [0, 16])
def test_every_chunk_is_within_the_limit_and_every_word_is_in_one(file_type: FileType, overlap: int) -> None:
    text = prose(20_000)
    chunks = chunks_of(text, file_type, overlap=overlap)
    assert [chunk.token_count for chunk in chunks] == count_tokens_batch([chunk.content for chunk in chunks])
    assert all(0 < chunk.token_count <= 64 for chunk in chunks)
    joined = " ".join(" ".join(chunk.content.split()) for chunk in chunks)
    assert (joined == " ".join(text.split())) == (overlap == 0)
    at = 0
    for chunk in chunks:  # In the order of the text, and without a gap.
        start = text.index(chunk.content, max(0, at - 400))
        assert not text[at:start].strip()
        at = start + len(chunk.content)
    assert not text[at:].strip()


def test_neighbours_share_as_much_as_asked_and_no_more() -> None:
    shared = []
    for left, right in pairwise(chunks_of(prose(20_000), overlap=32)):
        longest = next(
            (size for size in range(len(right.content), 0, -1) if left.content.endswith(right.content[:size])), 0
        )
        shared.append(count_tokens(right.content[:longest]))
    assert max(shared) <= 32
    assert sum(size > 0 for size in shared) > len(shared) / 2


def test_cuts_at_paragraphs_before_sentences_before_words() -> None:
    text = "One short paragraph about foxes.\n\nAnother one about dogs. It has two sentences.\n\n" + "word " * 60
    contents = [chunk.content for chunk in chunks_of(text, tokens=16)]
    assert contents[:2] == ["One short paragraph about foxes.", "Another one about dogs. It has two sentences."]
    assert all(set(content.split()) == {"word"} for content in contents[2:])


def test_markdown_cuts_at_headings() -> None:
    text = (
        "# One\n\nAbout foxes.\n\n- a\n- b\n\n# Two\n\nAbout dogs, and at some length, so that both do not fit in one."
    )
    chunks = chunks_of(text, "markdown", tokens=32)
    assert [chunk.content.splitlines()[0] for chunk in chunks] == ["# One", "# Two"]
    assert [chunk.metadata["heading"] for chunk in chunks] == [["One"], ["Two"]]


def test_a_chunk_carries_the_place_of_its_blocks() -> None:
    writer = Writer()
    for number in (1, 2):
        writer.place = {"page": number}
        writer.add("text", prose(600, number))
    chunks = cut(writer.document(), overlap=8)
    pages = [chunk.metadata["page"] for chunk in chunks]
    assert pages == sorted(pages)
    assert set(pages) == {1, 2}
    for chunk in chunks:
        last = chunk.metadata.get("last_page", chunk.metadata["page"])
        text = "\n\n".join(prose(600, number).strip() for number in (1, 2))
        assert chunk.content in text
        assert last in (chunk.metadata["page"], 2)


def test_the_same_input_gives_the_same_chunks() -> None:
    text = prose(10_000)
    assert chunks_of(text, overlap=16) == chunks_of(text, overlap=16)


def test_too_many_chunks_names_the_limit_and_the_setting() -> None:
    with pytest.raises(DocumentRejectedError) as caught:
        chunks_of(prose(20_000), most=10)
    assert "more than 10 chunks" in caught.value.detail
    assert "CABINET_MAX_CHUNKS" in caught.value.detail


def test_blank_text_makes_no_chunk() -> None:
    assert [chunk.content for chunk in chunks_of("\u3000\n" * 20_000 + "words", tokens=16)] == ["words"]
    with pytest.raises(DocumentRejectedError, match="no text"):
        split(ReadDocument(" \n\n\t", []), chunk_tokens=64, overlap_tokens=0, max_chunks=10)


@settings(max_examples=length(40, 150), deadline=None)
@example("\U00010000" * 4, "text")
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [*WORDS, " ", "  ", "\n", "\n\n", "# ", "- ", "```\n", "<s>", "\u2581", "漢字", "🙂", "e\u0301" * 9]
            ),
            st.text(max_size=5),
        ),
        max_size=60,
    ).map(lambda parts: clean_text("".join(parts))),
    st.sampled_from(["text", "markdown"]),
)
def test_whatever_the_text_chunks_are_within_the_limit(text: str, file_type: FileType) -> None:
    if not text.strip():
        return
    for chunk in chunks_of(text, file_type, tokens=16, overlap=4):
        assert chunk.content.strip()
        assert chunk.token_count == count_tokens(chunk.content) <= 16


@settings(max_examples=length(100, 300), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [" ", "  ", "\u2581", "\n", "\t", "\r", "a", "ing", "é", "漢", "<s>", "</s>", "1", "\x00", "🙂"]
        )
    )
)
def test_counting_by_words_is_exact(parts: list[str]) -> None:
    text = "".join(parts)
    assert WordCounter().count(text) == count_tokens(text) == count_tokens_batch([text])[0]


def test_the_counter_keeps_a_bounded_number_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_MOST_KEPT_BYTES", 600)
    counter = WordCounter()
    for number in range(50):
        text = f"line {number}\nof two\n\n lines {number}"
        assert counter.count(text) == counter.count(text) == count_tokens(text)
        assert len(counter._lines) <= 4


def test_counts_of_tokens() -> None:
    assert count_tokens("") == 0
    assert count_tokens("hello world") == 2
    assert count_tokens("<s>") > 1  # A marker in a text is plain text.
    assert count_tokens_batch(["hello world", "", "hello"]) == [2, 0, 1]
    text = prose(50_000)
    assert count_tokens(text) == sum(count_tokens_batch([f"{word}" for word in text.split(" ")[:-1]])) + 1


# The test makes the texts when it needs them, since each process of a run imports this file.
@pytest.mark.parametrize(
    "make",
    [
        lambda: prose(130_000),
        lambda: prose(130_000).replace("\n\n", "\n"),
        lambda: prose(60_000).replace("\n", " "),
        lambda: "abc" * 20_000 + "漢字" * 6000,
    ],
    ids=["paragraphs", "lines", "one line", "no space"],
)
def test_nothing_is_lost_where_long_text_is_cut_first(make: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("svc.ingest.prose._BLOCK_CHARACTERS", 100_000)
    text = make()
    chunks = chunks_of(text, tokens=512)
    assert "".join("".join(chunk.content.split()) for chunk in chunks) == "".join(text.split())


@pytest.mark.parametrize(
    ("make", "file_type"),
    [
        (lambda: prose(2_000_000 // PART), "text"),
        (lambda: prose(1_000_000 // PART), "markdown"),
        (lambda: prose(1_000_000 // PART).replace("\n", " "), "text"),
        (lambda: "a" * (500_000 // PART), "text"),
        (lambda: "漢字" * (50_000 // PART), "text"),
        (lambda: "\n" * (500_000 // PART) + "x", "text"),
        (lambda: "x\n" * (50_000 // PART), "text"),
        (lambda: "> " * (10_000 // PART) + "[" * (10_000 // PART), "markdown"),
    ],
    ids=["prose", "markdown", "one line", "no space", "no space, Chinese", "newlines", "short lines", "brackets"],
)
def test_takes_seconds_for_megabytes(make: Callable[[], str], file_type: FileType) -> None:
    text = make()
    started = time.process_time()
    chunks = chunks_of(text, file_type, tokens=512, overlap=64)
    assert time.process_time() - started < 10 / PART
    assert max(chunk.token_count for chunk in chunks) <= 512
