"""Kills migrations at points spread over all their statements, runs them again, and checks the result.

    python -m tests.campaigns.killed_migrations [--points 50]

A moment is a statement, `begin` and `commit` included, of the way from an empty database, or from one that has the
released migrations and rows in every table, to migrations that a later release may add. There the process is killed
before it sends the statement, or when it has sent it and has no answer; or its connection is cut at the server. Run
again, it must end well: the schema of a run that nobody disturbs, every row as it was, no invalid index, no lock and no
session left.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg

from svc.embedded.server import start_embedded
from svc.migrations import files as migration_files
from svc.migrations.migrate import apply_migrations, migration_states
from svc.settings import Settings
from svc.vectors.signatures import signature_bits
from tests.conftest import POSTGRES_VERSION, database_url_of
from tests.database.added_migrations import MIGRATE, RELEASED, add_migrations
from tests.database.filling import columns_of, contents, fill
from tests.database.schema import dump
from tests.database.test_migration_data import migrate_to
from tests.server_process import clean_environment
from tests.sql.checker import ROOT

WAYS = ("before it is sent", "when it is sent", "its connection is cut")
USERS = 20

PROCESS = f"""{MIGRATE}
import os, signal
import asyncpg
from svc.errors import CabinetError

number, way = int(sys.argv[3]), sys.argv[4]
original, count = asyncpg.Connection.execute, 0

async def execute(self, query, *arguments, **options):
    global count
    count += 1
    if count != number:
        return await original(self, query, *arguments, **options)
    if way == "before it is sent":
        os.kill(os.getpid(), signal.SIGKILL)
    sent = asyncio.ensure_future(original(self, query, *arguments, **options))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if way == "when it is sent":
        os.kill(os.getpid(), signal.SIGKILL)
    other = await asyncpg.connect(url)
    await other.fetchval("select pg_terminate_backend($1)", self.get_server_pid())
    return await sent

asyncpg.Connection.execute = execute
try:
    asyncio.run(apply_migrations(Settings(), url))
except CabinetError as error:
    sys.exit(error.detail)
print(count)
"""


@dataclass(frozen=True)
class Point:
    """A moment: the number of the statement, the event, and whether the database already had rows."""

    number: int
    way: str
    is_filled: bool


class Campaign:
    """Databases to migrate on one server, and the results.

    `folder` holds the migrations, which this process takes for those of the release.
    """

    def __init__(self, server_url: str, version: str, folder: Path) -> None:
        self._folder = folder
        self._server_url = server_url
        self._version = version
        self._settings = Settings()
        self._rows: dict[str, tuple[int, str]] = {}
        self._columns: dict[str, list[str]] = {}
        self._schema = ""
        self.killed = 0
        self.lost = 0

    async def prepare(self) -> dict[bool, int]:
        """Create the filled database; returns the number of statements of an upgrade, with and without it."""
        await self._execute("create database killed_filled template template0")
        url = database_url_of(self._server_url, "killed_filled")
        await migrate_to(url, self._settings, len(RELEASED))
        connection = await asyncpg.connect(url)
        await fill(connection, USERS, signature_bits(self._settings.dimensions))
        self._columns = await columns_of(connection)
        self._rows = await contents(connection, self._columns)
        await connection.close()
        counts = {}
        for is_filled in (False, True):
            url = await self._database(is_filled)
            code, said = await self._run(url, Point(0, "none", is_filled))
            assert code == 0, said
            counts[is_filled] = int(said)
            self._schema = dump(url, self._version)
        return counts

    async def close(self) -> None:
        """Remove the databases."""
        for name in ("killed", "killed_filled"):
            await self._execute(f"drop database if exists {name} with (force)")

    async def try_point(self, point: Point) -> None:
        """Kill at this moment, migrate again, and check."""
        url = await self._database(point.is_filled)
        code, said = await self._run(url, point)
        if point.way == WAYS[2]:
            # The statement may have come through before the cut: then the next one finds the connection gone.
            assert code in (0, 1), (point, code, said)
            self.lost += code
        else:
            assert code == -signal.SIGKILL, (point, code, said)
            self.killed += 1
        await asyncio.wait_for(apply_migrations(self._settings, url), 60)
        await self._check(url, point)

    async def _check(self, url: str, point: Point) -> None:
        assert dump(url, self._version) == self._schema, point
        assert {state.state for state in await migration_states(url)} == {"applied"}, point
        connection = await asyncpg.connect(url)
        try:
            if point.is_filled:
                assert await contents(connection, self._columns) == self._rows, point
            for left in (
                "select count(*) from pg_index where not (indisvalid and indisready and indislive)",
                "select count(*) from pg_stat_activity where application_name ~ 'cabinet migrate'"
                " and datname = current_database()",
                "select count(*) from pg_locks where locktype = 'advisory' and database ="
                " (select oid from pg_database where datname = current_database())",
                r"select count(*) from pg_class where relname ~ '_ccnew|_ccold'",
            ):
                await _until_none(connection, left, point)
        finally:
            await connection.close()

    async def _database(self, is_filled: bool) -> str:
        await self._execute("drop database if exists killed with (force)")
        template = "killed_filled strategy file_copy" if is_filled else "template0"
        await self._execute(f"create database killed template {template}")
        return database_url_of(self._server_url, "killed")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(database_url_of(self._server_url, "postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _run(self, url: str, point: Point) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROCESS, url, str(self._folder), str(point.number), point.way,
            env=clean_environment(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode().strip()


async def _until_none(connection: Any, query: str, point: Point) -> None:
    """A session that was just closed may be seen for a moment."""
    deadline = time.monotonic() + 10
    while await connection.fetchval(query):
        assert time.monotonic() < deadline, (point, query)
        await asyncio.sleep(0.02)


def spread(counts: dict[bool, int], points: int) -> list[Point]:
    """This number of moments, from the first statement to the last, with each kind in turn."""
    found = []
    for number in range(points):
        is_filled = bool(number % 2)
        place = 1 + round(number * (counts[is_filled] - 1) / max(1, points - 1))
        found.append(Point(place, WAYS[number % len(WAYS)], is_filled))
    return found


async def run(points: int) -> int:
    """Run the campaign on a separate server; returns 0 if every point succeeded."""
    folder = Path(tempfile.mkdtemp(prefix="cabinet-killed-"))
    folder.chmod(0o755)
    started = time.monotonic()
    try:
        server = await start_embedded(folder, POSTGRES_VERSION)  # type: ignore[arg-type]
        try:
            migrations = add_migrations(folder / "migrations")
            campaign = Campaign(server.url, POSTGRES_VERSION, migrations)
            with patch.object(migration_files, "resource_folder", lambda _name: migrations):
                counts = await campaign.prepare()
                for point in spread(counts, points):
                    await campaign.try_point(point)
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{points} points over {counts[False]} statements from nothing and {counts[True]} after {len(RELEASED)} "
        f"with rows: {campaign.killed} killed, {campaign.lost} cut off; the same schema and all rows each time, in "
        f"{time.monotonic() - started:.0f} s"
    )
    return 0


def main() -> int:
    """Run the campaign."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=50)
    return asyncio.run(run(parser.parse_args().points))


if __name__ == "__main__":
    sys.exit(main())
