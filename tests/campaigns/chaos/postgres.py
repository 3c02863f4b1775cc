"""A separate PostgreSQL server, which the campaign may kill, freeze and restart."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import signal
import subprocess
import time
from pathlib import Path

import asyncpg

from svc.embedded.wheel import import_wheel

# Root cannot run PostgreSQL, which then runs as the user of the embedded server.
_USER = "pgserver"
_READY_S = 60.0
_CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = {max_connections}
shared_buffers = 64MB
max_wal_size = 96MB
min_wal_size = 16MB
random_page_cost = 1.1
jit = off
log_line_prefix = '%m [%p] %a '
timezone = 'UTC'
"""


class Postgres:
    """One server on `folder`, reached by its socket there. Its log is `log`, outside the folder, whose disk may be
    full.

    The commands of the wheel are used without the wheel's bookkeeping, so that this process is the server's parent and
    knows at once when it has ended.
    """

    def __init__(self, folder: Path, log: Path, version: int, max_connections: int) -> None:
        self.folder = folder
        self.url = f"postgresql://postgres@/cabinet?host={folder}"
        self._wheel = import_wheel().utils
        self._commands: Path = self._wheel.POSTGRES_VERSIONS[version]
        self._log = log
        self._max_connections = max_connections
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the postmaster runs, frozen or not."""
        return self._process is not None and self._process.poll() is None

    async def make(self) -> None:
        """Create the files of the server."""
        if os.geteuid() == 0:
            self._wheel.ensure_user_exists(_USER)
            self._wheel.ensure_prefix_permissions(self.folder)
            self._wheel.ensure_prefix_permissions(self._commands)
            self._wheel.ensure_folder_permissions(self._commands, 0o055)
            self._wheel.ensure_folder_permissions(self._commands.parent / "lib", 0o044)
            user = pwd.getpwnam(_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        data = self.folder / "data"
        made = self._run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "--wal-segsize=1", "-D", data)
        assert await asyncio.to_thread(made.wait) == 0, self._log.read_text()
        text = _CONFIGURATION.format(folder=self.folder, max_connections=self._max_connections)
        (data / "postgresql.auto.conf").write_text(text)

    async def start(self) -> None:
        """Start the server, and wait until it answers; retry while a killed server still has processes.

        Raises:
            TimeoutError: it does not answer within a minute.
        """
        deadline = time.monotonic() + _READY_S
        while True:
            if not self.is_running:
                self._process = self._run("postgres", "-D", self.folder / "data")
            if await self.answers():
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not start:\n{self.log_end()}")
            await asyncio.sleep(0.1)

    async def answers(self) -> bool:
        """Whether the server accepts a connection and answers a query within two seconds."""
        try:
            async with asyncio.timeout(2):
                connection = await self.connect("postgres")
                try:
                    await connection.fetchval("select 1")
                finally:
                    connection.terminate()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    async def connect(self, database: str = "cabinet") -> asyncpg.Connection:
        """Connect as the superuser, past the proxy. A few connections are reserved for superusers."""
        return await asyncpg.connect(
            host=str(self.folder), user="postgres", database=database, timeout=5, command_timeout=60,
            server_settings={"application_name": "chaos"},
        )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the postmaster: KILL, STOP or CONT."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Stop the server, by force if it does not within ten seconds."""
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def deadlocks(self) -> list[str]:
        """The statements of each deadlock that the server has ended."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        found = []
        for part in text.split("deadlock detected")[1:]:
            details = part.partition("HINT:")[0]
            names = re.findall(r"Process \d+: (?:-- (\S+)|.*/\* (\S+) \*/)", details)
            found.append(" and ".join(sorted(file or copy for file, copy in names)))
        return found

    def log_end(self) -> str:
        """The last lines of the log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-5:]) if self._log.exists() else ""

    def _run(self, command: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        # Not `Popen(user=…)`, which forks, and a fork of a process with NumPy can hang.
        identity = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.geteuid() == 0 else []
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*identity, self._commands / command, *arguments],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder,
            )  # fmt: skip
