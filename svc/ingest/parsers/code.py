"""Source code, which stays as it is and is cut between definitions."""

from __future__ import annotations

from svc.ingest.document import Block, ReadDocument
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.noise import without_noise

SAMPLE = b"def f():\n    return 1\n"


def parse(data: bytes) -> ReadDocument:
    """Return the whole source as one block of code."""
    text, warnings = without_noise(clean_text(decode_text(data)))
    return ReadDocument(text, [Block("code", 0, len(text))] if text.strip() else [], "", warnings)
