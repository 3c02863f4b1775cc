"""The MCP server, used by the SDK's own client: over standard input and output, and over HTTP, by two users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent, TextResourceContents

from cabinet_client import Cabinet
from tests.server_process import CABINET, ServerProcess, clean_environment

Connect = Callable[[ServerProcess, str], AbstractAsyncContextManager[Client]]
TOOLS = {"search", "open_source", "add_document", "remember", "recall", "list_documents"}


def text_of(result: CallToolResult) -> str:
    [block] = result.content
    assert isinstance(block, TextContent)
    return block.text


@asynccontextmanager
async def over_http(server: ServerProcess, key: str) -> AsyncIterator[Client]:
    """An assistant that is connected to `/mcp`."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http)) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(server: ServerProcess, key: str) -> AsyncIterator[Client]:
    """An assistant that has started `cabinet mcp`."""
    environment = clean_environment(CABINET_URL=server.url, CABINET_KEY=key)
    async with Client(StdioServerParameters(command=CABINET[0], args=["mcp"], env=environment)) as client:
        yield client


@pytest.fixture(params=[over_http, over_stdio], ids=["http", "stdio"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Connects an assistant over each of the transports."""
    return request.param  # type: ignore[no-any-return]


async def test_an_assistant_stores_finds_and_remembers(connect: Connect, server: ServerProcess, admin: Cabinet) -> None:
    [mine, other] = [admin.users.create(f"{connect.__name__}-{n}@example.com").api_key for n in (1, 2)]
    async with connect(server, mine) as assistant, connect(server, other) as stranger:
        listed = await assistant.list_tools()
        empty = text_of(await assistant.call_tool("list_documents", {}))
        text = "A parcel to Norway takes four days.\n\n" + "Further terms apply. " * 400
        added = text_of(await assistant.call_tool("add_document", {"name": "post.txt", "text": text}))
        found = text_of(await assistant.call_tool("search", {"query": "How long does a parcel take?", "limit": 2}))
        source = found[1 : found.index("]")]
        opened = text_of(await assistant.call_tool("open_source", {"source": source, "around": 1}))
        documents = text_of(await assistant.call_tool("list_documents", {}))
        resource = await assistant.read_resource(f"cabinet://documents/{source.partition('#')[0]}")
        remembered = text_of(await assistant.call_tool("remember", {"text": "Ada prefers trains to planes."}))
        again = text_of(await assistant.call_tool("remember", {"text": "Ada lives in Oslo."}))
        recalled = await recalled_within(assistant, "How does Ada like to travel?", "trains", 20)
        foreign_source = await stranger.call_tool("open_source", {"source": source})
        foreign_search = text_of(await stranger.call_tool("search", {"query": "parcel"}))
        foreign_recall = text_of(await stranger.call_tool("recall", {"query": "trains"}))

    assert {tool.name for tool in listed.tools} == TOOLS
    assert all(len(tool.description or "") > 100 for tool in listed.tools)
    assert empty == "There are no documents."
    assert added.startswith("post.txt is stored and can be found")
    assert "A parcel to Norway takes four days." in found
    assert opened.startswith("post.txt, chunks 0 to 1:")
    assert "post.txt (text, " in documents
    [content] = resource.contents
    assert isinstance(content, TextResourceContents)
    assert content.text.startswith("A parcel to Norway")
    assert (remembered, again) == ("Remembered, as number 1.", "Remembered, as number 2.")
    assert "Ada prefers trains to planes." in recalled
    assert foreign_source.is_error
    assert "there is no such document" in text_of(foreign_source)
    assert foreign_search.startswith("Nothing was found.")
    assert foreign_recall.startswith("Nothing is remembered")


async def recalled_within(assistant: Client, query: str, wanted: str, tries: int) -> str:
    """What `recall` finds, once it contains `wanted`: messages are embedded in the background."""
    found = ""
    for _ in range(tries):
        found = text_of(await assistant.call_tool("recall", {"query": query}))
        if wanted in found:
            break
        await asyncio.sleep(0.5)
    return found


async def test_a_mistake_is_answered_with_what_to_do(server: ServerProcess, admin: Cabinet) -> None:
    key = admin.users.create("mistaken@example.com").api_key
    async with over_http(server, key) as assistant:
        no_source = await assistant.call_tool("open_source", {"source": "somewhere"})
        too_many = await assistant.call_tool("search", {"query": "x", "limit": 1000})
        unreadable = await assistant.call_tool("add_document", {"name": "a.pdf", "text": "%PDF-1.7 and nothing"})

    assert [result.is_error for result in (no_source, too_many, unreadable)] == [True, True, True]
    assert "Use one that search printed" in text_of(no_source)
    assert "20" in text_of(too_many)
    assert "a.pdf cannot be read" in text_of(unreadable)


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("search", {}, "query is required"),
        ("search", {"query": ""}, "query must have at least 1 characters"),
        ("search", {"query": "hunter2" * 2000}, "query must have at most 8000 characters"),
        ("search", {"query": "a", "limit": 21}, "limit must be at most 20"),
        ("recall", {"query": 7, "limit": "hunter2"}, "query must be a text; limit must be an integer"),
        ("open_source", {"source": ["hunter2"], "around": -1}, "source must be a text; around must be at least 0"),
        ("list_documents", {"limit": 1.5}, "limit must be an integer"),
        ("remember", {"text": None}, "text must be a text"),
    ],
)
async def test_wrong_arguments_are_named_in_our_own_words(
    server: ServerProcess, admin: Cabinet, tool: str, arguments: dict[str, object], expected: str
) -> None:
    key = admin.users.create(f"arguments-{tool}-{len(str(arguments))}@example.com").api_key
    async with over_http(server, key) as assistant:
        result = await assistant.call_tool(tool, arguments)
    assert (result.is_error, text_of(result)) == (True, expected)


async def test_a_key_of_one_collection_has_tools_for_that_collection(server: ServerProcess, admin: Cabinet) -> None:
    created = admin.users.create("limited@example.com")
    with Cabinet(server.url, created.api_key) as user:
        collection, other = user.collections.create(name="Moons"), user.collections.create(name="Suns")
        secret = user.documents.create("secret.txt", "The Moon is hollow.")
        user.documents.wait([secret])
        key = user.keys.create(collection_id=collection.id).api_key
        async with over_http(server, key) as assistant:
            for colour in ("green", "grey", "white"):
                stored = await assistant.call_tool(
                    "add_document", {"name": "moon.txt", "text": f"The Moon is {colour}."}
                )
                assert "can be found" in text_of(stored)
                if colour == "grey":
                    [shared] = user.collections.files(collection.id)
                    user.collections.add(other.id, shared.document_id)
            found = text_of(await assistant.call_tool("search", {"query": "What is the Moon like?"}))
            listed = text_of(await assistant.call_tool("list_documents", {}))
            remembered = await assistant.call_tool("remember", {"text": "The Moon is far away."})
        moons = [
            document.id
            for document in user.documents.list(where={"type": "eq", "key": "filename", "value": "moon.txt"})
        ]
        assert len(moons) == 2
        assert shared.document_id in moons

    assert "white" in found
    assert not {"hollow", "grey"} & set(found.replace(".", " ").split())
    assert "secret.txt" not in listed
    assert "one collection only" in text_of(remembered)


async def test_a_long_result_is_cut_and_says_so(server: ServerProcess, admin: Cabinet) -> None:
    key = admin.users.create("long@example.com").api_key
    async with over_http(server, key) as assistant:
        text = "\n\n".join(f"Paragraph {n} about parcels. " + "Words go on and on. " * 90 for n in range(30))
        await assistant.call_tool("add_document", {"name": "long.txt", "text": text})
        found = text_of(await assistant.call_tool("search", {"query": "parcels", "limit": 20}))

    assert len(found) < 9_000
    assert found.endswith("(The rest was left out. Ask for fewer results, or open a single source.)")


@pytest.mark.parametrize("key", ["", "cab_wrong"])
def test_a_request_without_a_valid_key_is_refused(server: ServerProcess, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}

    answer = httpx.post(f"{server.url}/mcp", json=body, headers=headers | {"Accept": "application/json"})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="cabinet"'


def test_nothing_opens_a_stream_that_does_not_end(server: ServerProcess, admin: Cabinet) -> None:
    headers = {"Authorization": f"Bearer {admin.users.create('listener@example.com').api_key}"}
    listen = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {"events": ["toolsListChanged"]}}
    modern = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28"}

    got = httpx.get(f"{server.url}/mcp", headers=headers | {"Accept": "text/event-stream"}, timeout=30)
    asked = httpx.post(f"{server.url}/mcp", json=listen, headers=headers | modern, timeout=30)

    assert got.status_code == 405
    assert asked.headers["content-type"].startswith("application/json")
    assert "error" in asked.json()
