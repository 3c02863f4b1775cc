"""A running server or worker removes its secrets from its environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import clean_environment

PROGRAM = """
import ctypes, os, pathlib
from svc.cli.secrecy import hide_secrets
hide_secrets()
# A hidden process may read its own environment only as root.
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
print(pathlib.Path("/proc/self/environ").read_bytes(), dict(os.environ))
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads the environment through /proc")
def test_secrets_leave_the_environment_and_its_memory() -> None:
    secrets = {
        "CABINET_ADMIN_KEY": "secret-1",
        "OPENAI_API_KEY": "secret-2",
        "DATABASE_URL": "postgresql://cabinet:secret-3@127.0.0.1/cabinet",
        "cabinet_owner_database_url": "postgresql://owner:secret-4@127.0.0.1/cabinet",
    }
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=clean_environment(CABINET_PORT="8081", **secrets),
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert shown.count("CABINET_PORT") == 2
    assert "secret-" not in shown
