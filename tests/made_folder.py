"""A data folder with a migrated, empty database, made once for a run, since a copy starts much faster."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from pathlib import Path

from svc.embedded.server import is_made, postgres_folder, start_embedded
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings
from tests.watchdog import MARK, memory_folder


def copy_made_folder(data_dir: Path) -> None:
    """Fill a new data folder with the database that `cabinet serve` would create at its first start."""
    if MARK not in os.environ or is_made(data_dir):
        return
    # Below the folder of the run, which all its processes share and the watchdog removes.
    made = Path(memory_folder() or os.environ[MARK]) / "made"
    made.mkdir(mode=0o755, exist_ok=True)
    with (made / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "done").exists():
            # In a separate process, since this one may run an event loop and has the settings of a test.
            subprocess.run([sys.executable, "-m", "tests.made_folder", str(made / "data")], check=True)
            (made / "done").touch()
    data_dir.mkdir(parents=True, exist_ok=True)
    # With its owner, which is another user if root runs the tests.
    subprocess.run(["cp", "-a", postgres_folder(made / "data"), data_dir], check=True)


async def _make(data_dir: Path) -> None:
    server = await start_embedded(data_dir, "18")
    try:
        await apply_migrations(Settings(_env_file=None), server.url)
    finally:
        server.stop()


if __name__ == "__main__":
    asyncio.run(_make(Path(sys.argv[1])))
