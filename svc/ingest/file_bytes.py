"""The bytes of a received file: in memory if it is small, otherwise in a temporary file, and stored part by part."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from typing import BinaryIO, Final

from svc.ingest.file_types import SEARCH_BYTES
from svc.ingest.ole import SIGNATURE

MAX_PART_BYTES: Final = 2**20
"""The maximum size of one stored part in bytes. A file up to this size is stored with its document."""

# The directory of an older Office file can be anywhere; in a larger one, it is searched near both ends.
_WHOLE_CONTAINER_BYTES: Final = 32 * 2**20


class FileBytes:
    """The bytes of a file. `file` must stay open while they are read; only one task reads at a time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size

    @classmethod
    def of(cls, content: bytes) -> FileBytes:
        """Return bytes that are in memory."""
        return cls(io.BytesIO(content), len(content))

    @property
    def is_in_parts(self) -> bool:
        """Whether the file has several parts, or may have."""
        return self.size > MAX_PART_BYTES

    async def whole(self) -> bytes:
        """Return all bytes of a file that is not in parts."""
        return await self._read(0, self.size)

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the bytes in parts as they are stored."""
        for first in range(0, self.size, MAX_PART_BYTES):
            yield await self._read(first, MAX_PART_BYTES)

    async def sample(self) -> bytes:
        """Return the beginning and the end, for detecting the file type."""
        is_container = self.size <= _WHOLE_CONTAINER_BYTES and await self._read(0, len(SIGNATURE)) == SIGNATURE
        if self.size <= 2 * SEARCH_BYTES or is_container:
            return await self._read(0, self.size)
        return await self._read(0, SEARCH_BYTES) + await self._read(self.size - SEARCH_BYTES, SEARCH_BYTES)

    async def digest(self) -> bytes:
        """Return the SHA-256, 32 bytes."""
        digest = hashlib.sha256()
        async for part in self.parts():
            if self.is_in_parts:
                await asyncio.to_thread(digest.update, part)
            else:
                digest.update(part)
        return digest.digest()

    async def _read(self, first: int, size: int) -> bytes:
        if self.is_in_parts:
            return await asyncio.to_thread(self._read_now, first, size)
        return self._read_now(first, size)

    def _read_now(self, first: int, size: int) -> bytes:
        self._file.seek(first)
        return self._file.read(size)
