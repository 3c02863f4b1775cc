"""One server for all checks of the OpenAI dialect, and both clients of the SDK for one user of it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import httpx
import openai
import pytest
import pytest_asyncio

from tests.clients.openai.api import Api
from tests.server_process import ServerProcess


@pytest.fixture(scope="package")
def key(server: ServerProcess) -> str:
    # The server outlives this package's fixtures, which are created again when its tests are resumed.
    return server.user(f"dialect-{uuid.uuid4()}@example.com")


@pytest_asyncio.fixture(scope="package")
async def clients(server: ServerProcess, key: str) -> AsyncIterator[dict[str, Api]]:
    base_url = f"{server.url}/v1"
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, _strict_response_validation=True) as plain:
        async with openai.AsyncOpenAI(
            base_url=base_url, api_key=key, max_retries=0, _strict_response_validation=True
        ) as asynchronous:
            yield {"sync": Api(plain, False), "async": Api(asynchronous, True)}


@pytest.fixture(params=["sync", pytest.param("async", marks=pytest.mark.slow)])
def api(request: pytest.FixtureRequest, clients: dict[str, Api]) -> Api:
    """The SDK. Each check runs with both of its clients, with the second one in `make test-slow`."""
    found: Api = clients[request.param]
    return found


@pytest_asyncio.fixture(scope="package")
async def stranger(server: ServerProcess) -> AsyncIterator[Api]:
    """The SDK with the key of another user."""
    async with openai.AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key=server.user(f"stranger-{uuid.uuid4()}@example.com"), max_retries=0
    ) as client:
        yield Api(client, True)


@pytest_asyncio.fixture(scope="package")
async def native(server: ServerProcess, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """The native API, for the same user."""
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest_asyncio.fixture
async def talk(api: Api) -> str:
    """The id of a new conversation."""
    return str((await api.conversations.create()).id)
