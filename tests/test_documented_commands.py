"""The commands of each page print the output in the page: see test_docs.py, which also rewrites the answers."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.test_docs import PAGES, blocks_of, comparable, run_blocks, served


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[ServerProcess, Path]]:
    """One service for all pages."""
    with served() as both:
        yield both


def shell_lacks() -> str:
    """The requirements of the commands that this machine lacks, if any."""
    if shutil.which("bash") is None or shutil.which("curl") is None:
        return "the commands of the pages need bash and curl"
    said = subprocess.run(["curl", "-V"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"curl (\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < (7, 82):
        return "the commands of the pages need curl 7.82 or later, for its --json"
    return ""


@pytest.mark.skipif(bool(shell_lacks()), reason=shell_lacks() or "nothing is lacking")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page.read_text())], ids=lambda page: page.name)
def test_commands_print_what_is_shown(page: Path, service: tuple[ServerProcess, Path]) -> None:
    blocks = blocks_of(page.read_text())
    for block, output in zip(blocks, run_blocks(blocks, *service), strict=True):
        if block.kind in ("json", "text"):
            assert comparable(output, block.kind) == comparable(block.shown, block.kind), block.command
