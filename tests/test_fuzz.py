"""A short version of `make fuzz`, with different inputs in each run; the printed seed repeats them."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from tests.campaigns.fuzz.files import fuzz_files
from tests.campaigns.fuzz.raw_bytes import fuzz_socket
from tests.campaigns.fuzz.two_collectors import TwoCollectors
from tests.campaigns.fuzz.two_users import TwoUsers, run_machine
from tests.conftest import ADMIN_KEY, PATIENCE_S, fresh_database
from tests.loop_lag import LagServer

# Much more than the 50 ms of `make fuzz`, since other processes run at the same time as the tests.
MOST_MS = 250.0
EXPLAINED = {"501", "503", "505"}


@pytest.fixture
def seed() -> Iterator[int]:
    """A new seed, which pytest shows with a failure."""
    number = secrets.randbelow(2**31)
    print(f"seed {number}")
    yield number


@pytest_asyncio.fixture(scope="module")
async def target(server: EmbeddedServer, template: str) -> AsyncIterator[LagServer]:
    """A server with a worker in a separate process."""
    async with fresh_database(server, template) as url:
        with LagServer(url) as target:
            yield target


def unexplained(counts: Counter[str]) -> list[str]:
    """Return the answers with an unexpected 5xx."""
    statuses = [name.rpartition(" ")[2] for name in counts]
    return [status for status in statuses if status.startswith("5") and status not in EXPLAINED]


async def test_two_users(target: LagServer, seed: int) -> None:
    TwoUsers.operations.clear()
    target.lag()
    with httpx.Client(base_url=target.url, timeout=PATIENCE_S) as client:
        run_machine(TwoCollectors, client, ADMIN_KEY, seed, examples=4, steps=50)
    assert TwoUsers.operations.total() > 100
    assert unexplained(TwoUsers.operations) == []
    assert target.lag().loop_ms < MOST_MS


async def test_the_socket(target: LagServer, seed: int) -> None:
    with httpx.Client(base_url=target.url, timeout=PATIENCE_S) as client:
        admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
        made = client.post("/users", json={"email": "socket@example.org"}, headers=admin).json()  # noqa: ASYNC212
        target.lag()
        counts = fuzz_socket(target.url, made["api_key"], seed, time.monotonic() + PATIENCE_S, most=500)
        assert unexplained(counts) == []
        assert "left open" not in counts
        assert target.lag().loop_ms < MOST_MS
        assert client.get("/health/live").status_code == 200  # noqa: ASYNC212


async def test_files(seed: int) -> None:
    outcome = await fuzz_files(seed, time.monotonic() + PATIENCE_S, most=60)
    assert outcome.wrong == []
    assert outcome.counts.total() >= 60
