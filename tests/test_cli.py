"""How a command ends when it is told to stop."""

from __future__ import annotations

import subprocess
import sys

# asyncio may lose the cancellation by itself too, so that nothing here depends on whether it comes.
LOSES_ITS_CANCELLATION = """
import asyncio, contextlib, os, signal
from svc.cli.environment import run

async def work():
    os.kill(os.getpid(), signal.SIGTERM)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(1)

run(work())
print("and went on")
"""


def test_a_stop_that_the_work_did_not_notice_still_shows_in_the_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOSES_ITS_CANCELLATION], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
