"""The embedded server: shared between processes, stopped by the last one, and restarted after a crash."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import psutil
import pytest

from svc.embedded import server as embedded
from svc.embedded.server import EmbeddedServer, start_embedded
from svc.embedded.wheel import import_wheel
from svc.errors import StartupError
from svc.migrations.migrate import apply_migrations
from svc.resources import resource_folder
from tests.conftest import POSTGRES_VERSION, test_settings

VERSION: Any = POSTGRES_VERSION
OTHER_VERSION: Any = "16" if VERSION == "18" else "18"

# A separate process that starts or joins the server, reports it, and stops the server on command.
PROCESS = """
import asyncio, os, sys
from pathlib import Path
os.umask(int(sys.argv[3], 8))
from svc.embedded.server import start_embedded
server = asyncio.run(start_embedded(Path(sys.argv[1]), sys.argv[2]))
print(server.pid, server.url, flush=True)
sys.stdin.readline()
server.stop()
print("stopped", flush=True)
"""


def servers_on(folder: Path) -> list[int]:
    """Process ids of the servers whose data is below a folder."""
    found = psutil.process_iter(["pid", "name", "cmdline"])
    below = str(folder.resolve()) + "/"
    return [
        process.info["pid"]
        for process in found
        if process.info["name"] == "postgres" and any(word.startswith(below) for word in process.info["cmdline"] or ())
    ]


class Process:
    """A process that uses the server of a data folder."""

    running: ClassVar[list[Process]] = []

    def __init__(self, folder: Path, umask: str = "022") -> None:
        self.running.append(self)
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(folder), VERSION, umask],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=resource_folder("sql").parent,
        )  # fmt: skip

    def ready(self) -> tuple[int, str]:
        """Wait until the server runs; returns its process id and URL."""
        pid, url = self._line().split()
        return int(pid), url

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._line() == "stopped"
        self._process.communicate(timeout=10)
        assert self._process.returncode == 0

    def kill(self) -> None:
        self._process.kill()
        with self._process:
            self._process.wait()

    @classmethod
    def kill_all(cls) -> None:
        """Kill the processes of a failed test, which would keep the server running during the next tests."""
        while cls.running:
            cls.running.pop().kill()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    """A folder short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="cabinet-embedded-"))
    folder.chmod(0o755)
    try:
        yield folder
        assert servers_on(folder) == []
    finally:
        # The remains of a failed test.
        Process.kill_all()
        for pid in servers_on(folder):
            os.kill(pid, signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder(parent: Path) -> Iterator[Path]:
    """A data folder for all tests; each must leave it usable and without a server."""
    data = parent / "data"
    yield data
    Process.kill_all()
    assert servers_on(data) == []


async def answer(url: str, query: str = "select 42") -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_two_processes_share_a_folder_and_the_last_stops_the_server(folder: Path) -> None:
    first, second = Process(folder), Process(folder)
    (pid, url), (same_pid, same_url) = first.ready(), second.ready()
    assert (pid, url) == (same_pid, same_url)

    first.stop()
    assert await answer(url) == 42
    assert servers_on(folder) == [pid]

    second.stop()
    assert servers_on(folder) == []


async def test_many_processes_create_a_new_folder_concurrently(parent: Path) -> None:
    processes = [Process(parent / "new") for _ in range(4)]
    assert len({process.ready() for process in processes}) == 1

    for process in processes:
        process.stop()
    assert servers_on(parent / "new") == []


@pytest.mark.parametrize("version", ["", "18\n"])
async def test_a_folder_whose_making_was_cut_short_is_refused_with_what_to_do(parent: Path, version: str) -> None:
    folder = parent / f"half-made{len(version)}" / "postgres"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text(version)

    with pytest.raises(StartupError, match=f"{folder} is incomplete: .* remove the folder and start again"):
        await start_embedded(folder.parent, VERSION)


async def test_a_process_waits_while_another_makes_the_folder(parent: Path) -> None:
    """`initdb` creates the file with the version empty, and fills it later."""
    folder = parent / "slow" / "postgres"
    folder.mkdir(parents=True)
    lock = import_wheel().PostgresServer._lock
    with lock:
        (folder / "PG_VERSION").write_text("")
        process = Process(folder.parent)
        await asyncio.sleep(1.5)
        (folder / "PG_VERSION").unlink()
    _, url = process.ready()
    assert await answer(url) == 42
    process.stop()
    assert servers_on(folder.parent) == []


async def test_a_killed_process_does_not_keep_the_server_running_for_ever(folder: Path) -> None:
    killed = Process(folder)
    pid, url = killed.ready()
    killed.kill()
    assert await answer(url) == 42, "the server outlives it"

    server = await start_embedded(folder, VERSION)
    assert server.pid == pid
    server.stop()

    assert servers_on(folder) == []


async def test_data_outlives_a_server_that_was_killed(folder: Path) -> None:
    server = await start_embedded(folder, VERSION)
    await answer(server.url, "create table if not exists kept as select 7 as n")
    os.kill(server.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(server.pid)] if psutil.pid_exists(server.pid) else [], timeout=5)

    again = await start_embedded(folder, VERSION)
    try:
        assert await answer(again.url, "select n from kept") == 7
    finally:
        again.stop()


async def test_lock_files_of_another_process_do_not_prevent_a_start(folder: Path) -> None:
    """After a restart of the machine, any process can have the id of the killed server: here, the test itself."""
    server = await start_embedded(folder, VERSION)
    lock, socket_lock = (folder / "postgres" / name for name in ("postmaster.pid", ".s.PGSQL.5432.lock"))
    lines, socket_lines = (file.read_text().partition("\n")[2] for file in (lock, socket_lock))
    server.stop()
    for content in (f"{os.getpid()}\n{lines}", f"{os.getpid()}\n", "rubbish\n", ""):
        lock.write_text(content)
        if lines in content:
            socket_lock.write_text(f"{os.getpid()}\n{socket_lines}")

        again = await start_embedded(folder, VERSION)
        assert await answer(again.url) == 42
        again.stop()


async def test_a_path_too_long_for_a_socket_works(parent: Path) -> None:
    deep = parent / ("d" * 60) / ("e" * 60)
    server = await start_embedded(deep, VERSION)
    try:
        assert await answer(server.url) == 42
        socket_folder = Path(server.url.split("host=")[1])
        assert len(str(socket_folder)) < 90
        # The wheel makes the folder accessible to all if root's server runs as another user; the socket must not be.
        assert (socket_folder / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    finally:
        server.stop()
    assert servers_on(deep) == []


@pytest.mark.parametrize("name", ["My Projects", "it's 100% of #1? & (more);"])
async def test_a_path_with_any_usual_character_works(parent: Path, name: str) -> None:
    server = await start_embedded(parent / name, VERSION)
    try:
        assert await answer(server.url) == 42
        assert await apply_migrations(test_settings(), server.url)
    finally:
        server.stop()
    assert servers_on(parent / name) == []


@pytest.mark.parametrize("name", ["$HOME", 'quo"te', "`id`", "back\\slash"])
async def test_a_path_that_a_shell_would_act_on_is_refused(parent: Path, name: str) -> None:
    with pytest.raises(StartupError, match="Choose another CABINET_DATA_DIR"):
        await start_embedded(parent / name, VERSION)

    assert not (parent / name).exists()


async def test_a_folder_of_another_major_version_is_refused_with_what_to_choose(folder: Path) -> None:
    (await start_embedded(folder, VERSION)).stop()

    with pytest.raises(StartupError) as refused:
        await start_embedded(folder, OTHER_VERSION)

    assert f"expecting version {OTHER_VERSION} but found version {VERSION}" in refused.value.detail
    assert "CABINET_DATA_DIR" in refused.value.detail
    assert "CABINET_POSTGRES_VERSION" in refused.value.detail


@pytest.mark.parametrize("kind", ["file", "below a file"])
async def test_a_folder_that_cannot_be_made_is_refused_by_name(parent: Path, kind: str) -> None:
    file = parent / "file"
    file.write_text("in the way")

    with pytest.raises(StartupError, match=str(file)):
        await start_embedded(file if kind == "file" else file / "data", VERSION)


async def test_the_configuration_also_takes_effect_under_a_strict_umask(parent: Path) -> None:
    """Root's server runs as another user, and PostgreSQL silently skips a file that it cannot read."""
    process = Process(parent / "strict", umask="077")
    _, url = process.ready()
    assert [await answer(url, f"show {name}") for name in ("max_connections", "jit")] == ["200", "off"]
    process.stop()
    assert servers_on(parent / "strict") == []


async def test_a_recovery_longer_than_the_wheel_waits_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (await start_embedded(folder, VERSION)).stop()
    wheel = import_wheel()
    real, calls = wheel.PostgresServer.start, []

    def slow_start(self: Any) -> None:
        real(self)
        calls.append(self)
        if len(calls) < 3:
            raise subprocess.TimeoutExpired("pg_ctl", 10)

    monkeypatch.setattr(wheel.PostgresServer, "start", slow_start)
    server = await start_embedded(folder, VERSION)
    server.stop()

    assert len(calls) == 3


async def test_a_server_that_does_not_start_says_where_its_log_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_CONFIGURATION", "shared_buffers = 'plenty'\n")

    with pytest.raises(StartupError) as refused:
        await start_embedded(folder, VERSION)

    assert str(folder / "postgres" / "log") in refused.value.detail
    assert 'invalid value for parameter "shared_buffers": "plenty"' in refused.value.detail


async def test_the_server_listens_on_no_network_and_uses_utf_8(server: EmbeddedServer) -> None:
    assert await answer(server.url, "show listen_addresses") == ""
    assert await answer(server.url, "select lower('ÄÖÜ ΑΒΓ')") == "äöü αβγ"
    assert (await answer(server.url, "show server_version")).split(".")[0] == VERSION
