"""The common features of all routes of the OpenAI API: headers, errors, connections, and several servers on one
database."""

from __future__ import annotations

import asyncio

import httpx
import openai
import pytest

from tests.clients.openai.api import Api
from tests.clients.openai.stored import filled_store, stored
from tests.server_process import ServerProcess

ROUTES = [
    ("POST", "/v1/conversations"), ("POST", "/v1/conversations/conv_1/items"), ("POST", "/v1/vector_stores"),
    ("POST", "/v1/vector_stores/vs_1/search"), ("POST", "/v1/vector_stores/vs_1/files"),
    ("POST", "/v1/vector_stores/vs_1/file_batches"), ("POST", "/v1/files"), ("POST", "/v1/embeddings"),
]  # fmt: skip


async def test_the_headers_of_the_sdk_are_accepted(server: ServerProcess, key: str) -> None:
    headers = {"OpenAI-Beta": "assistants=v2"}
    async with openai.AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key=key, organization="org", project="proj", default_headers=headers
    ) as client:
        assert (await client.vector_stores.create(name="a")).name == "a"
        assert (await client.conversations.create()).object == "conversation"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_broken_body_is_400_in_the_form_of_the_dialect(
    native: httpx.AsyncClient, method: str, path: str
) -> None:
    for content, kind in ((b"{", "application/json"), (b"[]", "application/json"), (b"x", "text/plain")):
        answer = await native.request(method, path, content=content, headers={"Content-Type": kind})
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert {*error} == {"message", "type", "param", "code"}
        assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "/v1/files"), ("GET", "/v1/vector_stores")])
async def test_a_key_is_required(server: ServerProcess, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=server.url) as nobody:
        answer = await nobody.request(method, path, json={})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


async def test_an_idle_connection_stays_open_longer_than_the_sdk_keeps_it(server: ServerProcess, key: str) -> None:
    # The SDK keeps an idle connection for 5 s. If the server closed it earlier, a request could be lost.
    request = f"GET /v1/models HTTP/1.1\r\nHost: cabinet\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    url = httpx.URL(server.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        for pause_s in (0, 5.5):
            await asyncio.sleep(pause_s)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_quota_is_an_error_that_is_not_repeated(server: ServerProcess) -> None:
    with server.client(server.admin_key) as admin:
        admin.post("/plans", json={"name": "tiny", "max_documents": 1, "max_messages": 1}).raise_for_status()
        key = admin.post("/users", json={"email": "tiny@example.com", "plan": "tiny"}).json()["api_key"]
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=2) as client:
        api = Api(client, True)
        await stored(api)
        talk = await api.conversations.create(items=[{"role": "user", "content": "a"}])
        for refused in (
            api.files.create(file=("b.txt", b"b"), purpose="assistants"),
            api.conversations.items.create(talk.id, items=[{"role": "user", "content": "b"}]),
            api.conversations.create(items=[{"role": "user", "content": "b"}]),
        ):
            with pytest.raises(openai.RateLimitError) as error:
                await refused
            assert error.value.code == "insufficient_quota"


async def test_another_server_shows_everything_at_once(
    server: ServerProcess, clients: dict[str, Api], key: str
) -> None:
    api = clients["sync"]
    talk = (await api.conversations.create()).id
    with ServerProcess(data_dir=server.folder) as other:
        async with openai.AsyncOpenAI(base_url=f"{other.url}/v1", api_key=key, max_retries=0) as client:
            second = Api(client, True)
            store, ids = await filled_store(api)
            found = await second.vector_stores.search(store, query="Moon")
            await second.files.delete(ids["moon.txt"])
            again = await api.vector_stores.search(store, query="Moon")
            [item] = (await second.conversations.items.create(talk, items=[{"role": "user", "content": "a"}])).data

            assert found.data[0].file_id == ids["moon.txt"]
            assert ids["moon.txt"] not in [result.file_id for result in again.data]
            assert (await api.conversations.items.retrieve(item.id, conversation_id=talk)).id == item.id
