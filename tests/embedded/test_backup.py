"""`cabinet backup` and `cabinet restore` restore every acknowledged write, up to any time."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from svc.embedded.server import start_embedded
from tests.server_process import CABINET, ServerProcess, clean_environment


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's user can access, even if root runs the tests."""
    path = Path(tempfile.mkdtemp(prefix="cabinet-backup-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def cabinet(*arguments: str | Path, expected: int = 0) -> str:
    done = subprocess.run(
        [*CABINET, *map(str, arguments)],
        env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == expected, done.stdout
    return done.stdout


async def emails(data: Path) -> list[str]:
    """The email addresses of the users in a restored data folder."""
    version = (data / "postgres" / "PG_VERSION").read_text().strip()
    server = await start_embedded(data, version)  # type: ignore[arg-type]
    try:
        connection = await asyncpg.connect(server.url)
        rows = await connection.fetch("select email from users order by email")
        await connection.close()
    finally:
        server.stop()
    return [row["email"] for row in rows]


async def test_a_restore_reaches_the_time_between_two_acknowledged_writes(folder: Path) -> None:
    backups, home = folder / "backups", folder / "home"
    home.mkdir()
    options = ("--backup-dir", backups)
    with ServerProcess({"CABINET_BACKUP_DIR": str(backups)}, data_dir=home) as server:
        data = home / "data"
        server.user("before@example.com")
        first = cabinet("backup", "--data-dir", data, *options)
        second = cabinet("backup", "--data-dir", data, "--keep", "1", *options)
        server.user("early@example.com")
        await asyncio.sleep(1.1)
        between = datetime.now(UTC)
        await asyncio.sleep(0.1)
        server.user("late@example.com")
        # Killed with all its processes: the last segment of the WAL is not archived.
        postmaster = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
        server.process.send_signal(signal.SIGKILL)
        os.kill(postmaster, signal.SIGKILL)
        server.process.wait()

    assert "verified" in first
    assert first.split()[2].rstrip(":") in second, "the older one is removed"
    assert len(list((backups / "base").iterdir())) == 1
    too_late = cabinet("restore", folder / "none", "--at", "2200-01-01T00:00:00Z", *options, expected=2)
    assert "The WAL does not reach 2200-01-01T00:00:00+00:00" in too_late
    early = (between - timedelta(days=1)).isoformat()
    assert "nothing before it can be restored" in cabinet(
        "restore", folder / "none", "--at", early, *options, expected=2
    )
    assert not (folder / "none" / "postgres").exists()

    wal = data / "postgres" / "pg_wal"
    cabinet("restore", folder / "all", "--wal", wal, *options)
    restored = cabinet("restore", folder / "until", "--at", between.isoformat(), "--wal", wal, *options)
    assert "last commit: " in restored
    assert "Keys revoked, users deleted and shares withdrawn after that are valid again" in restored
    assert await emails(folder / "all") == ["before@example.com", "early@example.com", "late@example.com"]
    assert await emails(folder / "until") == ["before@example.com", "early@example.com"]
    assert "a restore makes a new data folder" in cabinet("restore", data, *options, expected=2)


def test_a_damaged_backup_and_a_foreign_folder_are_refused(folder: Path) -> None:
    backups = folder / "backups"
    (folder / "home").mkdir()
    with ServerProcess(data_dir=folder / "home"):
        data = folder / "home" / "data"
        printed = cabinet("backup", "--data-dir", data, "--backup-dir", backups)
        assert "does not archive its WAL" in printed
    (base,) = (backups / "base").iterdir()
    with (base / "global" / "pg_control").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff\xff\xff")
    printed = cabinet("restore", folder / "new", "--backup-dir", backups, expected=2)
    assert "is damaged: global/pg_control" in printed
    assert not (folder / "new" / "postgres").exists()

    (backups / "system_identifier").write_text("1\n")
    printed = cabinet("serve", "--data-dir", data, "--backup-dir", backups, "--port", "0", expected=2)
    assert "belongs to another database" in printed
    printed = cabinet("serve", "--data-dir", data, "--backup-dir", folder / "a'b", "--port", "0", expected=2)
    assert "the server's shell would misread" in printed


def test_the_commands_say_what_they_need(folder: Path) -> None:
    assert "--backup-dir or CABINET_BACKUP_DIR" in cabinet("backup", "--data-dir", folder, expected=2)
    assert "contains no base backup" in cabinet("restore", folder / "x", "--backup-dir", folder, expected=2)
    printed = cabinet("restore", folder / "x", "--backup-dir", folder, "--at", "yesterday", expected=2)
    assert "--at must be a timestamp with an offset, such as 2026-05-04T09:30:00Z" in printed
    given = ("--database-url", "postgresql://nowhere/x", "--backup-dir", folder)
    assert "DATABASE_URL is set" in cabinet("backup", *given, expected=2)
