"""From text to chunks of a bounded number of tokens, cut where the text itself pauses."""

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
    """A piece of a document as it is embedded and found.

    `content` is never blank, `token_count` is what `tokens.count_tokens` says of it, `metadata` is that of the
    segment from which it was cut.
    """

    content: str
    token_count: int
    metadata: dict[str, Any]


def content_hash(content: str) -> UUID:
    """The first half of the content's SHA-256, as a UUID because that is the narrowest type of 16 bytes in an index.

    Half is enough: it is compared only within a tenant, whose million chunks have two of one hash with a probability of
    10^-27; to make two takes 2^64 attempts, and would harm nobody but the tenant who made them.
    """
    return UUID(bytes=text_digest(content)[:16])


# The splitter looks at everything between two newlines anew for each chunk that it cuts from it, and keeps an
# entry for every newline there is. Both are bounded here, at a size that text written by people does not reach.
_LINE_CHARACTERS = 16_000
_LINE_CHARACTERS_NOT_ASCII = 5_000
_BLOCK_CHARACTERS = 1_000_000


def split(
    file_type: FileType, segments: Sequence[Segment], *, chunk_tokens: int, overlap_tokens: int, max_chunks: int
) -> list[TextChunk]:
    """Cut segments into chunks of at most `chunk_tokens`, which share at most `overlap_tokens` with their neighbour.

    A chunk lies within one segment. The same input gives the same chunks.

    Raises:
        DocumentRejectedError: there are more than `max_chunks`, or none, because all is blank.
    """
    counter = WordCounter()
    kind = MarkdownSplitter if file_type == "markdown" else TextSplitter
    # The splitter does not count a text of fewer bytes than it may have tokens. But the tokenizer adds one token to
    # a text of which it knows no character: so that one is left out on both sides.
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
                    "the most that is accepted (CABINET_MAX_CHUNKS). Split it into several documents."
                )
    if not chunks:
        raise DocumentRejectedError("There is no text in the document.")
    return chunks


def _blocks(text: str) -> Iterator[str]:
    """`text` cut into pieces that the splitter takes in linear time; nearly always the whole."""
    start = 0
    for line in _LONG_LINE.finditer(text):
        for cut in _cuts(text, line.start(), line.end()):
            yield from _pages(text[start:cut])
            start = cut
    yield from _pages(text[start:])


_LONG_LINE = re.compile(rf"[^\n]{{{_LINE_CHARACTERS_NOT_ASCII},}}")


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """Where to cut the line `text[start:end]`: after a space in the last quarter, if there is one."""
    most = _LINE_CHARACTERS if text[start:end].isascii() else _LINE_CHARACTERS_NOT_ASCII
    while end - start > most:
        space = text.rfind(" ", start + most * 3 // 4, start + most)
        start = space + 1 if space >= 0 else start + most
        yield start


def _pages(text: str) -> Iterator[str]:
    """`text` in pieces of bounded size, cut between paragraphs if possible, else between lines."""
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
