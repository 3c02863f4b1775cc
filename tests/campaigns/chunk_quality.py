"""Counts the chunks that no search should find: too short, a heading alone, rows without head, half a code fence.

    python -m tests.campaigns.chunk_quality PATH …     a folder stands for the files in it

Without a path, it reads this project's pages, and odd texts, decks and sheets that are made here.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from svc.errors import CabinetError
from svc.ingest.chunk import TextChunk
from svc.ingest.document import Block, ReadDocument
from svc.ingest.file_types import detect_file_type
from svc.ingest.packing import split
from svc.ingest.parse import parse
from tests.campaigns.large_files import deck, sheet
from tests.campaigns.odd_texts import odd_texts

ROOT = Path(__file__).parents[2]
LEAST_TOKENS = 8
_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})(.*)", re.MULTILINE)
_HEAD_MOST_TOKENS = 128  # of a chunk of 512: a larger head is not repeated


def faults_of(document: ReadDocument, chunks: list[TextChunk]) -> Iterator[tuple[str, TextChunk]]:
    """Yield each fault with its chunk."""
    fenced = [block for block in document.blocks if block.kind == "code" and _FENCE.match(document.text, block.start)]
    has_more = any(block.kind != "heading" for block in document.blocks) and len(chunks) > 1
    read = 0
    for chunk in chunks:
        start, end = chunk.metadata["start"], chunk.metadata["end"]
        before, after = chunk.metadata.get("added", (0, 0))
        if chunk.content[before : len(chunk.content) - after] != document.text[start:end]:
            yield "not the text at its place", chunk
        if document.text[read:start].strip():
            yield "text left out before it", chunk
        read = max(read, end)
        inside = [block for block in document.blocks if block.start < end and block.end > start]
        if chunk.token_count < LEAST_TOKENS and len(chunks) > 1:
            yield "under 8 tokens", chunk
        if has_more and all(block.kind == "heading" for block in inside):
            yield "heading alone", chunk
        if _lacks_head(inside[0], chunk, document.text):
            yield "rows without head", chunk
        if any(block in fenced for block in inside) and _is_open(chunk.content):
            yield "half a fence", chunk


def _is_open(content: str) -> bool:
    """Whether a fence has no other end."""
    opened = ""
    for fence, more in _FENCE.findall(content):
        if not opened:
            opened = fence
        elif fence.startswith(opened) and not more.strip():
            opened = ""
    return bool(opened)


def _lacks_head(first: Block, chunk: TextChunk, text: str) -> bool:
    if first.kind != "table" or not first.head or chunk.metadata["start"] < first.head:
        return False
    head = text[first.start : first.head]
    return not chunk.content.startswith(head) and len(head.split()) < _HEAD_MOST_TOKENS


def corpus(paths: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each file."""
    if not paths:
        for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("sql/*.md")]):
            yield page.name, page.read_bytes()
        for name, text in odd_texts().items():
            yield name, text.encode()
        yield "deck.pptx", deck(open_document=False)
        yield "deck.odp", deck(open_document=True)
        yield "stock.ods", sheet(open_document=True, rows=3_000)
    for path in map(Path, paths):
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file():
                yield each.name, each.read_bytes()


def main() -> int:
    """Print the faults; 1 if there is one."""
    counts: Counter[str] = Counter()
    started = time.perf_counter()
    for name, data in corpus(sys.argv[1:]):
        try:
            document = parse(detect_file_type(name, data), data)
            chunks = split(document, chunk_tokens=512, overlap_tokens=64, max_chunks=1_000_000)
        except CabinetError as error:
            counts["files not read"] += 1
            print(f"{name}: {error.detail[:100]}")
            continue
        counts["files"] += 1
        counts["chunks"] += len(chunks)
        for fault, chunk in faults_of(document, chunks):
            counts[fault] += 1
            if counts[fault] <= 10:
                print(f"{fault}: {name}: {chunk.metadata['start']}: {chunk.content[:70]!r}")
    print(f"{time.perf_counter() - started:.0f} s: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    return int(any(count for what, count in counts.items() if what not in ("files", "chunks", "files not read")))


if __name__ == "__main__":
    sys.exit(main())
