"""Uploads every file of a folder over HTTP and reports the outcome of each.

    python -m tests.campaigns.files FOLDER

Watches meanwhile that the server answers `GET /me` and how much memory it takes.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from tests.server_process import ServerProcess

WITHIN_S = 60.0


class Watch(threading.Thread):
    """Asks `GET /me` ten times a second and keeps the worst answer and the highest memory."""

    def __init__(self, server: ServerProcess, key: str) -> None:
        super().__init__(daemon=True)
        self.server, self.key = server, key
        self.latencies_ms: list[float] = []
        self.failures: list[str] = []
        self.memory_mb = self.tree_memory_mb = 0.0
        self.finished = threading.Event()

    def run(self) -> None:
        with self.server.client(self.key, timeout_s=10) as client:
            while not self.finished.wait(0.1):
                started = time.perf_counter()
                try:
                    if (status := client.get("/me").status_code) != 200:
                        self.failures.append(str(status))
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self.latencies_ms.append((time.perf_counter() - started) * 1000)
                self.memory_mb = max(self.memory_mb, self.server.memory_mb())
                self.tree_memory_mb = max(self.tree_memory_mb, self.server.tree_memory_mb())


def main() -> int:
    """Run the campaign; returns 1 if a file is not completed, or the server does not answer."""
    files = sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_file())
    table = Table("file", "type", "status", "chunks", "seconds", "reason", title=f"{len(files)} files")
    unfinished = 0
    with ServerProcess() as server:
        key = server.user("files@example.com")
        watch = Watch(server, key)
        watch.start()
        with server.client(key) as client:
            uploads: dict[str, tuple[Path, float]] = {}
            for path in files:
                response = client.post("/documents", files={"file": (path.name, path.read_bytes())})
                if response.status_code == 202:
                    uploads[response.json()["id"]] = (path, time.monotonic())
                else:
                    table.add_row(path.name, "", str(response.status_code), "", "", response.json()["detail"])
            for document_id, (path, started) in uploads.items():
                document = server.ended(client, document_id, WITHIN_S)
                unfinished += document["status"] == "processing"
                seconds = f"{time.monotonic() - started:.1f}"
                cells = (document["file_type"], document["status"], document["chunk_count"])
                table.add_row(path.name, *map(str, cells), seconds, str(document["error"] or ""))
        watch.finished.set()
        watch.join()
    Console(width=200).print(table)
    latencies = sorted(watch.latencies_ms)
    print(
        f"GET /me meanwhile: {len(latencies)} calls, p95 {latencies[int(len(latencies) * 0.95)]:.0f} ms, "
        f"worst {latencies[-1]:.0f} ms, failures {watch.failures}"
    )
    print(f"memory at most: server {watch.memory_mb:.0f} MB, with its parsers {watch.tree_memory_mb:.0f} MB (unshared)")
    return 1 if unfinished or watch.failures else 0


if __name__ == "__main__":
    sys.exit(main())
