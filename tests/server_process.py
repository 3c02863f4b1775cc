"""A real `cabinet serve` in a separate process, for tests and campaigns that must not share its process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from tests.made_folder import copy_made_folder
from tests.watchdog import memory_folder

CABINET = [str(Path(sys.executable).with_name("cabinet"))]
# With these settings, the database differs from the one in the shared folder.
_OTHER_DATABASE = ("DATABASE_URL", "OPENAI_", "CABINET_EMBEDDING_", "CABINET_POSTGRES_")
_URL = re.compile(r"Cabinet serves on (http://\S+)")


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without Cabinet's settings, with `variables`."""
    ours = ("CABINET_", "OPENAI_", "DATABASE_URL", "PGSERVER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | variables


class ServerProcess:
    """Starts the server on a new folder, waits until it serves, and stops it at the end of the block.

    In a test run, a new folder already contains a migrated database.
    """

    def __init__(self, variables: Mapping[str, str] | None = None, data_dir: Path | None = None) -> None:
        self._own_folder = data_dir is None
        self.folder = data_dir or Path(tempfile.mkdtemp(prefix="cabinet-server-", dir=memory_folder()))
        self.folder.chmod(0o755)
        self._copies = not any(name.startswith(_OTHER_DATABASE) for name in variables or ())
        self._environment = clean_environment(
            CABINET_DATA_DIR=str(self.folder / "data"),
            CABINET_PORT="0",
            **{"CABINET_DEFAULT_PLAN": "enterprise", **(variables or {})},
        )
        self.url = ""
        self.process: subprocess.Popen[str]
        self._clients: list[httpx.Client] = []

    def __enter__(self) -> Self:
        """Start the server; returns when the greeting is printed."""
        if self._copies:
            copy_made_folder(self.folder / "data")
        self._log = (self.folder / "server.log").open("a")
        self.process = subprocess.Popen(
            [*CABINET, "serve"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=self.folder,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if match := _URL.search(line):
                self.url = match[1]
                return self
        raise AssertionError(f"the server did not start:\n{self.log()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server as Ctrl-C does, or by force after twenty seconds."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for client in self._clients:
            client.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def admin_key(self) -> str:
        """The admin's key, from the data folder."""
        return (self.folder / "data" / "admin.key").read_text().strip()

    def log(self) -> str:
        """The log of the server so far."""
        return (self.folder / "server.log").read_text()

    def memory_mb(self) -> float:
        """Resident megabytes of the server process, without its parsers and without PostgreSQL."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def tree_memory_mb(self) -> float:
        """Unshared megabytes of the server and its descendants (which do not include PostgreSQL)."""
        total = 0.0
        root = psutil.Process(self.process.pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                total += process.memory_full_info().uss / 2**20
            except psutil.NoSuchProcess:
                continue
        return total

    def user(self, email: str) -> str:
        """Create a user; returns the key."""
        response = httpx.post(
            f"{self.url}/users", json={"email": email}, headers={"Authorization": f"Bearer {self.admin_key}"}
        )
        response.raise_for_status()
        return str(response.json()["api_key"])

    def client(self, key: str, timeout_s: float = 30) -> httpx.Client:
        """A client with this key; it is closed with the server."""
        client = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=timeout_s)
        self._clients.append(client)
        return client

    def ended(self, client: httpx.Client, document_id: str, within_s: float) -> dict[str, object]:
        """Wait until the document is no longer processing, at most `within_s` seconds, and return it."""
        deadline = time.monotonic() + within_s
        while True:
            document: dict[str, object] = client.get(f"/documents/{document_id}").json()
            if document["status"] != "processing" or time.monotonic() > deadline:
                return document
            time.sleep(0.1)
