"""Splits text into chunks of a bounded number of tokens, at paragraph and sentence boundaries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from semantic_text_splitter import MarkdownSplitter, TextSplitter

from svc.errors import DocumentRejectedError
from svc.ingest.file_types import FileType
from svc.ingest.segment import Segment
from svc.ingest.tokens import WordCounter
from svc.vectors.digests import text_digest


class TextChunk(msgspec.Struct, frozen=True):
    """A piece of a document, the unit of embedding and search.

    `content` is never blank. `token_count` is `tokens.count_tokens(content)`. `metadata` comes from the segment that
    contains the chunk.
    """

    content: str
    token_count: int
    metadata: dict[str, Any]


def content_hash(content: str) -> UUID:
    """The first half of the content's SHA-256, as a UUID, which is the narrowest 16-byte type in an index.

    Half is enough: hashes are compared only within a tenant. Among a million chunks the probability of a collision is
    10^-27. To construct one takes 2^64 attempts and harms only the tenant who does so.
    """
    return UUID(bytes=text_digest(content)[:16])


# For each chunk, the splitter rescans the whole line that contains it, and it keeps an entry for every newline. Both
# are bounded here, at sizes that text written by people does not reach.
_LINE_CHARACTERS = 16_000
_LINE_CHARACTERS_NOT_ASCII = 5_000
_BLOCK_CHARACTERS = 1_000_000


def split(
    file_type: FileType, segments: Sequence[Segment], *, chunk_tokens: int, overlap_tokens: int, max_chunks: int
) -> list[TextChunk]:
    """Split segments into chunks of at most `chunk_tokens`; neighbours overlap by at most `overlap_tokens`.

    No chunk crosses the boundary of a segment. The result is deterministic.

    Raises:
        DocumentRejectedError: the text is blank, or has more than `max_chunks` chunks.
    """
    counter = WordCounter()
    kind = MarkdownSplitter if file_type == "markdown" else TextSplitter
    # The splitter does not count a text that has fewer bytes than the limit has tokens. But the tokenizer adds one
    # token to a text of unknown characters, so that token is left out of both the count and the limit.
    splitter = kind.from_callback(
        lambda text: max(counter.count(text) - 1, 0), chunk_tokens - 1, max(overlap_tokens - 1, 0)
    )
    chunks: list[TextChunk] = []
    for segment in segments:
        for block in _blocks(segment.text):
            chunks += (
                TextChunk(content, counter.count(content), segment.metadata)
                for content in splitter.chunks(block)
                if content.strip()
            )
            if len(chunks) > max_chunks:
                raise DocumentRejectedError(
                    f"The document is too large: it has more than {max_chunks} chunks of {chunk_tokens} tokens, "
                    "the limit (CABINET_MAX_CHUNKS). Split it into several documents."
                )
    if not chunks:
        raise DocumentRejectedError("The document contains no text.")
    return chunks


def _blocks(text: str) -> Iterator[str]:
    """Yield pieces of `text` that the splitter processes in linear time; nearly always one, the whole text."""
    start = 0
    for line in _LONG_LINE.finditer(text):
        for cut in _cuts(text, line.start(), line.end()):
            yield from _pages(text[start:cut])
            start = cut
    yield from _pages(text[start:])


_LONG_LINE = re.compile(rf"[^\n]{{{_LINE_CHARACTERS_NOT_ASCII},}}")


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """Yield the positions at which to cut the line `text[start:end]`: after a space near the end, if there is one."""
    most = _LINE_CHARACTERS if text[start:end].isascii() else _LINE_CHARACTERS_NOT_ASCII
    while end - start > most:
        space = text.rfind(" ", start + most * 3 // 4, start + most)
        start = space + 1 if space >= 0 else start + most
        yield start


def _pages(text: str) -> Iterator[str]:
    """Yield pieces of `text` of bounded size, cut between paragraphs if possible, else between lines."""
    start = 0
    while len(text) - start > _BLOCK_CHARACTERS:
        end = start + _BLOCK_CHARACTERS
        for pause in ("\n\n", "\n"):
            cut = text.rfind(pause, start + _BLOCK_CHARACTERS // 2, end)
            if cut >= 0:
                end = cut + len(pause)
                break
        yield text[start:end]
        start = end
    yield text[start:]
