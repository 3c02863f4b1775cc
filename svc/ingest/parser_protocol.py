"""The protocol between the sandbox, its parser server, and the child that parses one document.

The sandbox passes `Limits` (JSON) to the parser server when it starts it, and the parser server answers `Started`
(JSON). The sandbox sends a child one line with the file type, the sizes of the chunks and the encoding that the upload
declared, if any, then the document. The child answers with MessagePack messages, each preceded by its length: any
number of `Chunks`, then `Finished`, with the warnings, or `Rejected`. When the child has exited, the parser server
reports how it `Ended` (JSON).
"""

from __future__ import annotations

import struct

import msgspec

from svc.ingest.chunk import TextChunk


class Limits(msgspec.Struct, frozen=True):
    """The resources that one document may use, and the sizes of its chunks."""

    cpu_s: int
    timeout_s: float
    memory_mb: int
    chunk_tokens: int
    overlap_tokens: int
    max_chunks: int
    ocr: bool = False


class Started(msgspec.Struct):
    """The parser server is ready; `missing` names the restrictions that this system did not allow."""

    missing: list[str]


class Chunks(msgspec.Struct, tag=True):
    chunks: list[TextChunk]


class Rejected(msgspec.Struct, tag=True):
    """The document cannot be read; `cause` is the class of the library's exception, or empty."""

    detail: str
    cause: str


class Finished(msgspec.Struct, tag=True):
    """The document was read, except for the parts that the warnings list."""

    warnings: list[str] = []


class Ended(msgspec.Struct):
    """The end of a child: its exit code (negative: a signal) and its peak memory in kB."""

    code: int
    peak_kb: int


Message = Chunks | Rejected | Finished
LENGTH = struct.Struct("!I")  # the length of the message that follows, in bytes
EXIT_MEMORY = 71  # the exit code of a child that ran out of memory
