"""Services in separate processes for the duration of a block: `cabinet serve`, and the services it is compared with."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ADMIN_KEY = "the-admin-key-of-the-benchmarks"
_START_S = 60.0
_STOP_S = 20.0
# The variables that configure Cabinet or the embedded server in the caller's environment.
_OURS = ("CABINET_", "OPENAI_", "DATABASE_URL", "PGSERVER_")


@dataclass(frozen=True)
class RunningService:
    """The URL of a service, and its process."""

    url: str
    pid: int


@asynccontextmanager
async def cabinet_service(database_url: str, dimensions: int, **settings: str) -> AsyncIterator[RunningService]:
    """`cabinet serve` on a migrated database with the vectors of a model that is never called.

    It has no worker and no limits for its users, and accepts `ADMIN_KEY`. `settings` are further settings by their
    Python names, such as `pool_size="20"`.
    """
    variables = {
        "DATABASE_URL": database_url, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "CABINET_PORT": "0",
        "CABINET_EMBEDDING_MODEL": "made-up", "CABINET_EMBEDDING_DIMENSIONS": str(dimensions),
        "CABINET_WORKER_CONCURRENCY": "0", "CABINET_ADMIN_KEY": ADMIN_KEY,
        "CABINET_DEFAULT_PLAN": "enterprise",
        **{f"CABINET_{name.upper()}": value for name, value in settings.items()},
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("cabinet")), "serve"]
    async with running_service(command, variables, r"Cabinet serves on (http://\S+)") as service:
        yield service


@asynccontextmanager
async def seed_service(database_url: str, dimensions: int) -> AsyncIterator[RunningService]:
    """`bench/seed_stack/` on its own database, with vectors of this number of dimensions."""
    variables = {
        "SEED_DATABASE_URL": database_url, "SEED_DIMENSIONS": str(dimensions),
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
    }  # fmt: skip
    command = [sys.executable, "-m", "bench.seed_stack"]
    async with running_service(command, variables, r"the seed's stack serves on (http://\S+)") as service:
        yield service


@asynccontextmanager
async def running_service(
    command: Sequence[str], variables: Mapping[str, str], greeting: str
) -> AsyncIterator[RunningService]:
    """Run a command that serves HTTP until the end of the block. The block starts when the command prints a line that
    matches `greeting`, whose first group is the URL. It runs in its own folder, with these additional variables.

    Raises:
        RuntimeError: it ended, or printed no such line in a minute; the message contains its output.
    """
    folder = Path(tempfile.mkdtemp(prefix="cabinet-bench-service-"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    environment = {"CABINET_DATA_DIR": str(folder / "data"), **kept, **variables}
    try:
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *command, env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=log
            )
        try:
            url = await _first_match(process, greeting)
            if url is None:
                raise RuntimeError(f"{' '.join(command)} did not start:\n{(folder / 'log').read_text()}")
            yield RunningService(url, process.pid)
        finally:
            await _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _first_match(process: asyncio.subprocess.Process, pattern: str) -> str | None:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_S):
            async for line in process.stdout:
                if match := re.search(pattern, line.decode()):
                    return match[1]
    except TimeoutError:
        return None
    return None


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Stop a service as Ctrl-C does, and kill it if that takes too long."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(_STOP_S):
            # communicate, not wait: a process whose output is not read may never end.
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
