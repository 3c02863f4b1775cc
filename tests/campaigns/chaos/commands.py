"""The commands that are killed during their work, and completed after the recovery."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.campaigns.chaos.postgres import Postgres
from tests.server_process import CABINET, clean_environment

# On a machine that has much other work; a command takes seconds.
_END_S = 600.0
_INDEXED_FROM = 30
_COUNTED = ("documents", "chunks", "chunk_vectors", "messages", "message_vectors")

Finish = Callable[[], Awaitable[None]]


class Commands:
    """`cabinet migrate apply`, `index apply` and `import`. Broken promises are added to `violations`."""

    def __init__(self, postgres: Postgres, proxy_url: str, variables: Mapping[str, str], folder: Path) -> None:
        self.violations: list[str] = []
        self._postgres = postgres
        self._owner_url = proxy_url.replace("cabinet_service@", "postgres@")
        self._variables = dict(variables)
        self._log = folder / "commands.log"
        self._export = folder / "export.ndjson"
        self._moved: tuple[str, dict[str, int]] | None = None
        self._number = 0
        self._unfinished: list[Finish] = []

    async def migrate(self) -> None:
        """Create the tables of the campaign's database."""
        code = await self._end(self._start("migrate", "apply", DATABASE_URL=self._owner_url))
        assert code == 0, self._log.read_text()

    async def export(self, user: str) -> None:
        """Export a user to the file that is imported later."""
        with self._export.open("wb") as file:
            assert await self._end(self._start("export", user, stdout=file)) == 0, self._log.read_text()
        rows = json.loads(self._export.read_text().splitlines()[-1])["rows"]
        self._moved = user, {table: rows[table] for table in _COUNTED}

    async def kill_migration(self, after_s: float) -> None:
        """Kill a migration of an empty database."""
        self._number += 1
        name = f"migrated_{self._number}"
        await self._execute(f"create database {name}")
        url = self._owner_url.removesuffix("cabinet") + name

        async def finish() -> None:
            await self._expect_end("migrate", "apply", DATABASE_URL=url, CABINET_OWNER_DATABASE_URL=url)
            await self._expect_end("migrate", "status", DATABASE_URL=url, CABINET_OWNER_DATABASE_URL=url)
            await self._execute(f"drop database {name} with (force)")

        self._unfinished.append(finish)
        await self._kill(after_s, "migrate", "apply", DATABASE_URL=url, CABINET_OWNER_DATABASE_URL=url)

    async def kill_build(self, after_s: float) -> None:
        """Kill the build of the tenants' own indexes."""
        arguments = ("index", "apply", "--index-min-rows", str(_INDEXED_FROM))

        async def finish() -> None:
            await self._expect_end(*arguments)

        self._unfinished.append(finish)
        await self._kill(after_s, *arguments)

    async def kill_import(self, after_s: float) -> None:
        """Kill the import of the exported user."""
        if self._moved is None:
            return
        user, rows = self._moved

        async def finish() -> None:
            found = await self._rows(user)
            nothing = dict.fromkeys(rows, 0)
            if found not in (rows, nothing):
                self.violations.append(f"a killed import has left {found} of {rows}")
            if found == nothing:
                await self._expect_end("import", str(self._export))
                if (found := await self._rows(user)) != rows:
                    self.violations.append(f"an import after a killed one has stored {found} of {rows}")
            await self._execute("delete from users where id = $1::text::uuid", user, database="cabinet")

        self._unfinished.append(finish)
        await self._kill(after_s, "import", str(self._export))

    async def finish(self) -> int:
        """Run the killed commands again until they succeed; returns how many commands there were."""
        unfinished, self._unfinished = self._unfinished, []
        for finish in unfinished:
            await finish()
        return len(unfinished)

    async def _rows(self, user: str) -> dict[str, int]:
        connection = await self._postgres.connect()
        try:
            return {
                table: await connection.fetchval(f"select count(*) from {table} where user_id = $1::text::uuid", user)
                for table in _COUNTED
            }
        finally:
            connection.terminate()

    async def _execute(self, statement: str, *arguments: Any, database: str = "postgres") -> None:
        connection = await self._postgres.connect(database)
        try:
            await connection.execute(statement, *arguments)
        finally:
            connection.terminate()

    async def _expect_end(self, *arguments: str, **variables: str) -> None:
        try:
            code = await self._end(self._start(*arguments, **variables))
        except TimeoutError:
            self.violations.append(f"cabinet {' '.join(arguments)} after a killed one did not end in {_END_S:.0f} s")
            return
        if code != 0:
            end = " / ".join(self._log.read_text(errors="replace").splitlines()[-2:])
            self.violations.append(f"cabinet {' '.join(arguments)} after a killed one ends with {code}: {end}")

    async def _kill(self, after_s: float, *arguments: str, **variables: str) -> None:
        process = self._start(*arguments, **variables)
        try:
            await asyncio.sleep(after_s)
        finally:
            process.kill()
            process.wait()

    def _start(self, *arguments: str, stdout: Any = None, **variables: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*CABINET, *arguments], env=clean_environment(**{**self._variables, **variables}),
                stdout=stdout or log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._log.parent,
            )  # fmt: skip

    async def _end(self, process: subprocess.Popen[bytes]) -> int:
        try:
            async with asyncio.timeout(_END_S):
                while process.poll() is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return process.returncode
