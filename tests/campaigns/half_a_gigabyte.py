"""Sends a file of 512 MB to a server and reads it back, each in every way, and reports the memory that it takes.

    python -m tests.campaigns.half_a_gigabyte [MEGABYTES]

Promised are 50 MB of memory more than before, and the same bytes. The server allows such files by its settings.
"""

from __future__ import annotations

import hashlib
import io
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, cast

import httpx
import openai

from tests.server_process import ServerProcess

PROMISED_MB = 50.0
MB = 2**20


class MadeUp(io.RawIOBase):
    """A file of made-up bytes, of which one megabyte is in memory; its digest is that of what was read."""

    def __init__(self, megabytes: int) -> None:
        self._block = random.Random(megabytes).randbytes(MB)
        self._size, self._place = megabytes * MB, 0
        self.sha256 = hashlib.sha256()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if not self._place:
            self.sha256 = hashlib.sha256()
        return self._place

    def part(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`."""
        return b"".join(self.read_at(first, min(MB - first % MB, end - first)) for first in self._firsts(start, end))

    def _firsts(self, start: int, end: int) -> Iterator[int]:
        while start < end:
            yield start
            start += MB - start % MB

    def read_at(self, first: int, size: int) -> bytes:
        """At most `size` bytes from a place, not beyond the end of a megabyte. No two megabytes are the same."""
        number, within = divmod(first, MB)
        return (number.to_bytes(8, "big") + self._block[8:])[within : within + size]

    def read(self, size: int = -1) -> bytes:
        wanted = self._size - self._place if size < 0 else min(size, self._size - self._place)
        content = self.part(self._place, self._place + wanted)
        self._place += len(content)
        self.sha256.update(content)
        return content


class Memory(threading.Thread):
    """Watches the resident memory of a server, fifty times a second."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(daemon=True)
        self._server = server
        self.most_mb = 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            self.most_mb = max(self.most_mb, self._server.memory_mb())


class Campaign:
    """Runs each way to send and to read, and prints a line for each."""

    def __init__(self, server: ServerProcess, megabytes: int) -> None:
        self._server, self._megabytes = server, megabytes
        self._key = server.user("large@example.com")
        self._client = server.client(self._key, timeout_s=300)
        self.failed = 0

    def run(self) -> None:
        """Send small files first, after which the server has allocated its basic memory."""
        for _ in range(5):
            made = self._client.post("/v1/files", files={"file": ("a", b"x" * 3 * MB)}, data={"purpose": "user_data"})
            self._client.get(f"/v1/files/{made.json()['id']}/content")
        sent = MadeUp(self._megabytes)
        file_id = self._measured("POST /v1/files", lambda: self._send(sent))
        digest = sent.sha256.hexdigest()
        self._read(file_id, digest)
        self._measured("Range of 2 MB", lambda: self._range(file_id))
        self._measured("DELETE /v1/files", lambda: self._delete(file_id))
        file_id = self._measured("/v1/uploads, parts of 64 MB", self._send_in_parts)
        self._read(file_id, digest)

    def _read(self, file_id: str, digest: str) -> None:
        for path in (f"/v1/files/{file_id}/content", f"/documents/{file_id.removeprefix('file-')}/content"):
            found = self._measured(f"GET {path.split('/')[1]}/…/content", partial(self._digest, path))
            if found != digest:
                self.failed += 1
                print("the bytes differ")

    def _measured(self, name: str, step: Callable[[], str]) -> str:
        before, started = self._server.memory_mb(), time.monotonic()
        memory = Memory(self._server)
        memory.start()
        try:
            result = step()
        finally:
            memory.ended.set()
            memory.join()
        more = memory.most_mb - before
        self.failed += more > PROMISED_MB
        print(f"{name}: {time.monotonic() - started:.1f} s, {before:.0f} MB and {more:.0f} MB more", flush=True)
        return result

    def _delete(self, file_id: str) -> str:
        self._client.delete(f"/v1/files/{file_id}").raise_for_status()
        return file_id

    def _send(self, file: MadeUp) -> str:
        sent = {"file": ("large.bin", cast(BinaryIO, file))}
        answer = self._client.post("/v1/files", files=sent, data={"purpose": "user_data"})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def _send_in_parts(self) -> str:
        file, size = MadeUp(self._megabytes), 64 * MB
        with openai.OpenAI(base_url=f"{self._server.url}/v1", api_key=self._key, max_retries=0) as client:
            upload = client.uploads.create(
                bytes=self._megabytes * MB, filename="large.bin", mime_type="text/plain", purpose="user_data"
            )
            ids = []
            while part := file.read(size):
                ids.append(client.uploads.parts.create(upload.id, data=part, timeout=120).id)
            done = client.uploads.complete(upload.id, part_ids=ids, timeout=300)
        assert done.file is not None
        return done.file.id

    def _digest(self, path: str) -> str:
        digest = hashlib.sha256()
        with self._client.stream("GET", path) as answer:
            answer.raise_for_status()
            for content in answer.iter_bytes():
                digest.update(content)
        return digest.hexdigest()

    def _range(self, file_id: str) -> str:
        start = self._megabytes * MB // 2 - 1000
        answer = self._client.get(
            f"/v1/files/{file_id}/content", headers={"Range": f"bytes={start}-{start + 2 * MB - 1}"}
        )
        if answer.content != MadeUp(self._megabytes).part(start, start + 2 * MB):
            self.failed += 1
            print("the bytes of the range differ")
        return ""


def main() -> int:
    """Run the campaign; returns 1 if the bytes differ or more memory was used."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    settings = {
        "CABINET_MAX_UPLOAD_BYTES": str(megabytes * MB),
        "CABINET_MAX_IN_FLIGHT_BYTES": str(max(128, megabytes) * MB),
    }
    try:
        with ServerProcess(settings) as server:
            campaign = Campaign(server, megabytes)
            campaign.run()
    except httpx.HTTPError as error:
        print(f"failed: {error!r}")
        return 1
    return 1 if campaign.failed else 0


if __name__ == "__main__":
    sys.exit(main())
