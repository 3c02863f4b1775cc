"""Fixtures that plant faults and return the checks that find them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from svc.doctor.checks import Finding, Thresholds
from svc.doctor.examination import CHECKS, examine, opened_subject
from tests.conftest import test_settings

# Already planted: the server of the tests does not wait for the disk.
ALWAYS = frozenset({"durability"})

Examination = dict[str, list[Finding]]
Fired = Callable[..., Awaitable[Examination]]


@pytest_asyncio.fixture
async def hand(database_url: str) -> AsyncIterator[Any]:
    """A separate connection for planting faults."""
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def fired(database_url: str) -> Fired:
    """Run every check; returns those with findings and those that could not run, with their findings."""

    async def look(limits: Thresholds | None = None, **settings: Any) -> Examination:
        async with opened_subject(test_settings(**settings), database_url, limits) as subject:
            outcomes = [outcome async for outcome in examine(subject, CHECKS)]
        return {
            outcome.check.name: outcome.verdict.findings
            for outcome in outcomes
            if outcome.status != "ok" and outcome.check.name not in ALWAYS
        }

    return look
