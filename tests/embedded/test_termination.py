"""SIGTERM while a server with the embedded PostgreSQL makes its first signatures: it ends and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.server_process import ServerProcess

GRACE_S = 40.0
# The second server must also embed the document of the first one.
EMBEDDED = re.compile(r'^cabinet_ingestion_seconds_count{stage="embed"} [1-9]', re.MULTILINE)
TEXT = "\n\n".join(f"Paragraph {number} says that berth {number * 7} is free. " * 8 for number in range(400))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that root's PostgreSQL, another user, can reach."""
    with tempfile.TemporaryDirectory(prefix="cabinet-test-") as name:
        yield Path(name)


def processes_of(folder: Path) -> list[str]:
    """The processes that work on the folder."""
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]


def at_its_first_signatures(server: ServerProcess, client: httpx.Client) -> None:
    """Wait until a document is embedded, so that its signatures are next."""
    client.post("/documents", json={"filename": "berths.txt", "content": TEXT}).raise_for_status()
    deadline = time.monotonic() + 60
    while not EMBEDDED.search(client.get("/metrics").text):
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.02)


def test_a_server_that_is_terminated_at_its_first_signatures_ends(folder: Path) -> None:
    """As root, it forks to stop PostgreSQL. Running threads of a linear algebra library made it hang for ever."""
    for attempt in range(2):
        with ServerProcess(data_dir=folder) as server:
            client = server.client(server.user(f"ada-{attempt}@example.org"))
            at_its_first_signatures(server, client)
            children = psutil.Process(server.process.pid).children(recursive=True)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(GRACE_S) == 0, server.log()
            assert psutil.wait_procs(children, timeout=5)[1] == []
        assert processes_of(folder) == []
