"""Chunks are cut at the boundaries of structures, and keep their context."""

from __future__ import annotations

import re

import pytest

from svc.ingest.chunk import TextChunk
from svc.ingest.document import Writer
from svc.ingest.file_types import detect_file_type
from svc.ingest.formats import FileType
from svc.ingest.parse import parse
from tests.campaigns.chunk_quality import faults_of
from tests.campaigns.odd_texts import odd_texts
from tests.ingest.test_chunk import cut, prose


def chunks_of(text: str, file_type: FileType = "markdown", *, tokens: int = 64, overlap: int = 0) -> list[TextChunk]:
    return cut(parse(file_type, text.encode()), tokens=tokens, overlap=overlap)


COUNTRIES = "# Countries\n\n" + "".join(
    f"## {name}\n\nCapital: {capital}.\n\n"
    for name, capital in [
        ("Austria", "Vienna"),
        ("Belgium", "Brussels"),
        ("Croatia", "Zagreb"),
        ("Denmark", "Copenhagen"),
    ]
)


def test_no_heading_is_alone() -> None:
    for tokens in (16, 24, 32, 64):
        for chunk in chunks_of(COUNTRIES, tokens=tokens):
            assert not re.fullmatch(r"(?:#+ [^\n]*\s*)+", chunk.content), chunk.content


def test_a_heading_stays_with_the_first_sentence_of_a_long_paragraph() -> None:
    text = f"# Leave\n\n## Annual\n\n{prose(3000).replace(chr(10), ' ')}"
    chunks = chunks_of(text)
    assert chunks[0].content.startswith("# Leave\n\n## Annual\n\n")
    assert chunks[0].token_count > 32
    assert all(chunk.metadata["heading"] == ["Leave", "Annual"] for chunk in chunks)


def test_small_sections_are_merged_below_what_they_share() -> None:
    (chunk,) = chunks_of(COUNTRIES, tokens=128)
    assert chunk.metadata["heading"] == ["Countries"]
    assert "## Austria" in chunk.content
    assert "## Denmark" in chunk.content


def test_a_large_section_begins_a_chunk_although_it_would_fit() -> None:
    words = "one two three four five six seven eight nine ten. "
    text = f"# A\n\n{words * 4}\n\n# B\n\n{words * 4}"
    assert [chunk.metadata["heading"] for chunk in chunks_of(text, tokens=160)] == [["A"], ["B"]]


def test_the_headings_are_embedded_and_not_stored() -> None:
    last = chunks_of(f"# Leave\n\n## Annual\n\n{prose(2000)}")[-1]
    assert last.indexed == f"Leave > Annual\n\n{last.content}"
    first = chunks_of("# Leave\n\n## Annual\n\nTwenty five days.")[0]
    assert first.indexed == first.content  # The chunk begins with its headings.


def test_headings_and_text_together_have_at_most_the_tokens_of_a_chunk() -> None:
    text = "".join(f"{'#' * level} {'very long heading ' * 6}{level}\n\n" for level in range(1, 7)) + prose(3000)
    for chunk in chunks_of(text, tokens=64):
        assert chunk.token_count + len(chunk.metadata.get("heading", ())) <= 64


def test_every_piece_of_a_table_has_its_head_and_whole_rows() -> None:
    rows = [f"| Article {n} | colour {n % 7} | {n}.99 EUR |" for n in range(60)]
    text = "# Prices\n\n| Article | Colour | Price |\n|---|---|---|\n" + "\n".join(rows) + "\n\nAfter the table."
    chunks = chunks_of(text, tokens=128)
    assert len(chunks) > 5
    found = []
    for chunk in chunks:
        table = [line for line in chunk.content.split("\n") if line.startswith("|")]
        assert table[:2] == ["| Article | Colour | Price |", "|---|---|---|"]
        found += table[2:]
        assert chunk.metadata["heading"] == ["Prices"]
    assert found == rows


def test_a_row_that_is_larger_than_a_chunk_is_cut_below_the_head() -> None:
    text = f"| a | b |\n|---|---|\n| x | {'word ' * 300}|\n| y | z |"
    chunks = chunks_of(text)
    assert all(chunk.content.startswith("| a | b |\n|---|---|\n") for chunk in chunks)
    assert sum(chunk.content.count("word") for chunk in chunks) == 300


CODE = "\n".join(
    f"def step_{n}(value):\n    # step {n}\n    result = value * {n}\n    return result\n" for n in range(30)
)


def test_code_is_cut_between_definitions_with_a_fence_around_each_piece() -> None:
    chunks = chunks_of(f"# Install\n\nRun this.\n\n```python\n{CODE}```\n\nDone.", tokens=128)
    assert len(chunks) > 5
    for chunk in chunks:
        assert chunk.content.count("```") == 2
        body = chunk.content.split("```python\n")[1].split("\n```")[0]
        compile(body, "piece", "exec")
        assert body.startswith("def step_")
        assert body.rstrip().endswith("return result")


def test_a_class_that_is_larger_than_a_chunk_is_cut_between_its_methods() -> None:
    methods = "\n".join(
        f"    def m{n}(self):\n        for each in range({n}):\n            self.call(each)\n        return {n}\n"
        for n in range(30)
    )
    chunks = chunks_of(f"```\nclass Big:\n{methods}```\n", tokens=128)
    for chunk in chunks[1:]:
        assert re.match(r"```\n    def m\d+\(self\):\n", chunk.content)
    for chunk in chunks:
        assert re.search(r"        return \d+\n```$", chunk.content)


@pytest.mark.parametrize("tokens", [32, 64, 256])
def test_no_chunk_has_fewer_than_eight_tokens_unless_its_neighbour_is_repeated(tokens: int) -> None:
    text = f"# One\n\n{prose(1500)}\n\nEnd.\n\n# Two\n\nYes.\n\n# Three\n\n{prose(900, 3)}\n\nStop."
    for chunk in chunks_of(text, tokens=tokens):
        assert chunk.token_count >= 8, chunk.content


def test_no_odd_text_is_cut_badly() -> None:
    found = []
    for name, text in odd_texts(size=8).items():
        document = parse(detect_file_type(name, text.encode()), text.encode())
        for tokens in (64, 512):
            chunks = cut(document, tokens=tokens, overlap=tokens // 8)
            found += [(name, tokens, fault, chunk.content[:50]) for fault, chunk in faults_of(document, chunks)]
            found += [(name, tokens, "too large", "") for chunk in chunks if chunk.token_count > tokens]
    assert found == []


def test_a_sentence_that_crosses_a_page_stays_whole() -> None:
    writer = Writer()
    writer.place = {"page": 1}
    writer.add("text", prose(300) + "The maximum penalty for late delivery is")
    writer.place = {"page": 2}
    writer.add("text", f"twelve percent of the value.\n\n{prose(600, 2)}", joint="\n")
    chunks = cut(writer.document(), tokens=96)
    (chunk,) = [each for each in chunks if "late delivery" in each.content]
    assert "delivery is\ntwelve percent" in chunk.content
    assert (chunk.metadata["page"], chunk.metadata["last_page"]) == (1, 2)


def test_front_matter_is_no_heading() -> None:
    document = parse("markdown", b"---\ntitle: Leave policy\ndate: 2026-01-01\n---\n\n# Leave\n\nTwenty five days.\n")
    assert document.title == "Leave policy"
    assert [block.kind for block in document.blocks] == ["text", "heading", "text"]


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("A\n=\n\nB\n-\n\nc", "heading heading text"),
        ("a\n\n---\n\nb", "text"),
        ("#no heading\n#\n# one #", "text heading"),
        ("~~~\n# not one\n```\n~~~\n# one", "code heading"),
        ("```\nnever closed\n# not one", "code"),
        ("- item\n\n  ```sh\n  make\n  ```\n", "text code"),
        ("a | b\n--|--\n1 | 2\n\nc", "table text"),
        ("no table\n--|--", "text"),
        ("- a\n- b\n---\n", "text"),
    ],
)
def test_blocks_of_markdown(source: str, kinds: str) -> None:
    assert " ".join(block.kind for block in parse("markdown", source.encode()).blocks) == kinds
