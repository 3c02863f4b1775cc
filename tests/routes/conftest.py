"""One service for all the tests here that leave it as they found it; those that break it ask for `service`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from svc.web import observe
from tests.catalogue.derived import statements_of_routes
from tests.conftest import Service, running_service, test_settings
from tests.routes.tenants import Tenant, new_tenant, shared_service


@pytest_asyncio.fixture(scope="session")
async def shared(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service with a worker, shared by the tests of the routes."""
    async with shared_service(server, template, "shared_routes", test_settings()) as service:
        yield service


@pytest_asyncio.fixture(scope="session")
async def quiet(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service without a worker, shared by the tests that leave its plans and its queue to no other."""
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
    """A service of its own without a worker: what is uploaded stays in the queue."""
    async with running_service(test_settings(worker_concurrency=0), database_url) as service:
        yield service


@pytest.fixture(autouse=True)
def _only_derived_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test here asks of the service: a route runs no statement that is not derived from its code."""
    ran: set[tuple[str, str]] = set()
    report = observe._Observation._report

    def note(observation: observe._Observation) -> None:
        route = observe._route_template(observation.scope)
        ran.update((f"{observation.scope['method']} {route}", name) for name in observation.statistics.names)
        report(observation)

    monkeypatch.setattr(observe._Observation, "_report", note)
    yield
    derived = statements_of_routes()
    # A route that a test adds to the service is not in its code.
    called = {(route.replace("HEAD ", "GET "), name) for route, name in ran}
    unknown = {(route, name) for route, name in called if route in derived and name not in derived[route]}
    assert not unknown, "svc/catalogue does not see that these routes run these statements"
