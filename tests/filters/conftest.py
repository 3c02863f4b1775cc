"""A service that the tests of this folder share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from tests.conftest import Service, test_settings
from tests.routes.tenants import shared_service


@pytest_asyncio.fixture(scope="session")
async def shared(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service with a worker."""
    async with shared_service(server, template, "shared_filters_reading", test_settings()) as service:
        yield service
