"""What the sandbox, its parser server and the child at one document say to each other.

The sandbox gives the parser server `Limits` (JSON) when it starts it. To a child it sends a line with the file
type, then the document to its end; what comes back are messages (MessagePack), each after its length: any number of
`Chunks`, then `Finished`, or `Rejected`. When the child is gone, the parser server tells how it `Ended` (JSON).
"""

from __future__ import annotations

import struct

import msgspec

from svc.ingest.chunk import TextChunk


class Limits(msgspec.Struct, frozen=True):
    """What one document may take, and how it is cut."""

    cpu_s: int
    timeout_s: float
    memory_mb: int
    chunk_tokens: int
    overlap_tokens: int
    max_chunks: int


class Chunks(msgspec.Struct, tag=True):
    chunks: list[TextChunk]


class Rejected(msgspec.Struct, tag=True):
    detail: str


class Finished(msgspec.Struct, tag=True):
    pass


class Ended(msgspec.Struct):
    """How a child ended: its exit code, negative for a signal, and the most memory that it held."""

    code: int
    peak_kb: int


Message = Chunks | Rejected | Finished
LENGTH = struct.Struct("!I")  # before each message, in bytes
EXIT_MEMORY = 71  # the exit code of a child that was refused memory
