"""Services shared by the tests that restore what they change. Other tests use `service` or `idle`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from tests.conftest import Service, running_service, test_settings
from tests.routes.tenants import Tenant, new_tenant, shared_service


@pytest_asyncio.fixture(scope="session")
async def shared(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service with a worker, shared by the tests in this folder."""
    async with shared_service(server, template, "shared_routes", test_settings()) as service:
        yield service


@pytest_asyncio.fixture(scope="session")
async def quiet(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service without a worker, shared by tests that change its plans and its queue."""
    settings = test_settings(worker_concurrency=0)
    async with shared_service(server, template, "quiet_routes", settings) as service:
        yield service


@pytest_asyncio.fixture
async def tenant(shared: Service) -> Tenant:
    """A new user of the shared service."""
    return await new_tenant(shared)


@pytest_asyncio.fixture
async def other(shared: Service) -> Tenant:
    """A second new user of the shared service."""
    return await new_tenant(shared)


@pytest_asyncio.fixture
async def idle(database_url: str) -> AsyncIterator[Service]:
    """A service without a worker, for one test: uploads stay in the queue."""
    async with running_service(test_settings(worker_concurrency=0), database_url) as service:
        yield service
