"""The short version of `python -m tests.campaigns.killed_migrations`."""

from __future__ import annotations

from pathlib import Path

from svc.embedded.server import EmbeddedServer
from tests.campaigns.killed_migrations import Campaign, spread
from tests.conftest import POSTGRES_VERSION


async def test_a_migration_killed_anywhere_succeeds_when_run_again(server: EmbeddedServer, added: Path) -> None:
    campaign = Campaign(server.url, POSTGRES_VERSION, added)
    try:
        for point in spread(await campaign.prepare(), 6):
            await campaign.try_point(point)
    finally:
        await campaign.close()

    assert campaign.killed == 4
