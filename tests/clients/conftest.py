"""One service for the clients' tests, in a separate process."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from cabinet_client import Cabinet
from tests.server_process import ServerProcess

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as running:
        yield running


@pytest.fixture(scope="session")
def admin(server: ServerProcess) -> Iterator[Cabinet]:
    with Cabinet(server.url, server.admin_key) as client:
        yield client


@pytest.fixture
def user(server: ServerProcess, admin: Cabinet) -> Iterator[Cabinet]:
    """A client of a new user."""
    created = admin.users.create(f"reader-{next(_NUMBERS)}@example.com")
    with Cabinet(server.url, created.api_key) as client:
        yield client
