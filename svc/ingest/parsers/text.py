"""Plain text, which only needs decoding."""

from __future__ import annotations

from svc.ingest.document import Block, ReadDocument
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.folded_lines import with_whole_lines
from svc.ingest.parsers.noise import without_noise

SAMPLE = "d\xe9j\xe0 vu, ".encode("cp1252") * 20


def parse(data: bytes) -> ReadDocument:
    """Return the whole text, decoded, as one block."""
    text, warnings = without_noise(with_whole_lines(clean_text(decode_text(data))))
    blocks = [Block("text", 0, len(text))] if text.strip() else []
    return ReadDocument(text, blocks, "", warnings)
