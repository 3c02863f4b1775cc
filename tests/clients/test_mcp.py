"""The MCP server, used by the SDK's own client: over standard input and output, and over HTTP, by two users."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent, TextResourceContents

from cabinet_client import Cabinet, bodies
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


# Each `cabinet mcp` takes two seconds of processor time; test_the_command_logs_no_requests starts one in `make test`.
@pytest.fixture(
    params=[pytest.param(over_http, id="http"), pytest.param(over_stdio, id="stdio", marks=pytest.mark.slow)]
)
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
    """The result of `recall` when it contains `wanted`, since messages are embedded in the background."""
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
    assert "limited to one collection" in text_of(remembered)


def add_in_other_chunks(url: str, key: str, document_id: UUID) -> None:
    """Add a document to a vector store with another chunk size, and wait until it is read."""
    strategy = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 0}}
    file_id = f"file-{document_id.hex}"
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}) as http:
        http.post(url, json={"file_id": file_id, "chunking_strategy": strategy}).raise_for_status()
        while http.get(f"{url}/{file_id}").json()["status"] == "in_progress":
            time.sleep(0.05)


async def test_a_source_in_a_collection_opens_as_the_collection_has_it(server: ServerProcess, admin: Cabinet) -> None:
    created = admin.users.create("splitter@example.com")
    reader = admin.users.create("splitting-reader@example.com")
    words = " ".join(f"Crater {number} is {number % 7} km deep." for number in range(300))
    with Cabinet(server.url, created.api_key) as user:
        document = user.documents.create("craters.txt", words)
        user.documents.wait([document])
        small, large = user.collections.create(name="Small"), user.collections.create(name="Large")
        user.collections.add(small.id, document.id)
        add_in_other_chunks(f"{server.url}/v1/vector_stores/vs_{large.id.hex}/files", created.api_key, document.id)
        user.collections.share(large.id, reader.user.id)
    for key in (created.api_key, reader.api_key):
        async with over_http(server, key) as assistant:
            arguments = {"query": "How deep is a crater?", "limit": 20, "collection": "Large"}
            found = text_of(await assistant.call_tool("search", arguments))
            for part in found.split("\n\n[")[:4]:
                source, _, rest = part.lstrip("[").partition("] ")
                text = rest.partition("\n")[2]
                for around in (0, 1, 5):
                    opened = await assistant.call_tool("open_source", {"source": source, "around": around})
                    assert " ".join(text.split()) in " ".join(text_of(opened).split())
                    assert len(text_of(opened)) < 8_200
            nothing = await assistant.call_tool("open_source", {"source": str(document.id)})
            assert (nothing.is_error, text_of(nothing)) == (True, "there is no such chunk")


async def test_a_long_result_is_cut_and_says_so(server: ServerProcess, admin: Cabinet) -> None:
    key = admin.users.create("long@example.com").api_key
    async with over_http(server, key) as assistant:
        text = "\n\n".join(f"Paragraph {n} about parcels. " + "Words go on and on. " * 90 for n in range(30))
        await assistant.call_tool("add_document", {"name": "long.txt", "text": text})
        found = text_of(await assistant.call_tool("search", {"query": "parcels", "limit": 20}))

    assert len(found) < 9_000
    assert found.endswith("(The rest was omitted. Ask for fewer results, or open a single source.)")


async def test_a_source_is_opened_with_as_much_around_it_as_fits(server: ServerProcess, admin: Cabinet) -> None:
    created = admin.users.create("opener@example.com")
    with Cabinet(server.url, created.api_key) as user:
        sizes = [100] * 10 + [3000, 100, 3000, 100, 3000] + [7000, 9000]
        chunks: list[bodies.NewChunk] = [{"content": f"<{n}>" + "w" * size} for n, size in enumerate(sizes)]
        document = user.documents.create_from_chunks("sizes.txt", chunks)
        user.documents.wait([document])
    async with over_http(server, created.api_key) as assistant:

        async def opened(source: str, around: int) -> str:
            return text_of(await assistant.call_tool("open_source", {"source": source, "around": around}))

        whole = await opened(f"[{document.id}#3]", 2)
        cut = await opened(f" {document.id}#12 ", 5)
        huge = await opened(f"{document.id}#16", 1)
        beyond = await opened(f"{document.id}#18", 5)
        far = await opened(f"{document.id}#99999999999999999999", 0)
        negative = await opened(f"{document.id}#-1", 1)

    assert whole.startswith("sizes.txt, chunks 1 to 5:\n\n<1>w")
    assert whole.endswith("w")
    assert cut.startswith("sizes.txt, chunks 10 to 13:\n\n<10>w")
    assert cut.endswith(f"(Not everything fits. Open {document.id}#9 or {document.id}#14 to read on.)")
    assert "<12>w" in cut
    assert huge.startswith("sizes.txt, chunks 16 to 16:\n\n<16>w")
    assert "(The rest of this long chunk was omitted.)" in huge
    assert max(map(len, (cut, huge))) < 9_000
    for said, number in ((beyond, "18"), (far, "9" * 20)):
        assert said.startswith(f"sizes.txt has 17 chunks, numbered from 0; there is no chunk {number}.")
    assert "is not a source" in negative


async def test_a_long_list_fits_and_goes_on(server: ServerProcess, admin: Cabinet) -> None:
    created = admin.users.create("lister@example.com")
    with Cabinet(server.url, created.api_key) as user:
        names = [f"{'n' * 200}{number}.txt" for number in range(70)]
        for name in names:
            user.documents.create(name, name)
    seen: list[str] = []
    lengths: list[int] = []
    async with over_http(server, created.api_key) as assistant:
        arguments: dict[str, object] = {"limit": 100}
        while True:
            listed = text_of(await assistant.call_tool("list_documents", arguments))
            lengths.append(len(listed))
            *lines, end = listed.splitlines()
            seen += [line.split()[1] for line in lines]
            if not end.startswith("There are more."):
                seen.append(end.split()[1])
                break
            arguments["after"] = end.rpartition("=")[2].rstrip(".")
        ended = text_of(await assistant.call_tool("list_documents", {"after": listed.splitlines()[-1].split()[0]}))
        wrong = await assistant.call_tool("list_documents", {"after": "the last"})

    assert seen == names[::-1]
    assert len(lengths) > 1
    assert max(lengths) < 8_500
    assert ended == "There are no more documents."
    assert (wrong.is_error, text_of(wrong)) == (
        True, "'the last' is not the id of a document. Use one that list_documents showed."
    )  # fmt: skip


async def test_errors_are_sentences_without_the_words_of_the_library(
    connect: Connect, server: ServerProcess, admin: Cabinet
) -> None:
    key = admin.users.create(f"sentences-{connect.__name__}@example.com").api_key
    async with connect(server, key) as assistant:
        said = [
            text_of(await assistant.call_tool(tool, arguments))
            for tool, arguments in (
                ("open_source", {"source": "01890a5d-ac96-774b-bcce-b302099a8057#3"}),
                ("remember", {"text": " \n"}),
                ("find", {}),
                ("search", {"query": "a", "max_results": 3}),
            )
        ]
        missing = []
        for document_id in ("nope", "01890a5d-ac96-774b-bcce-b302099a8057"):
            with pytest.raises(MCPError) as refused:
                await assistant.read_resource(f"cabinet://documents/{document_id}")
            missing.append(refused.value.error.message)

    assert said == [
        "there is no such document",
        "text must contain more than white space",
        "there is no tool 'find'; the tools are search, open_source, add_document, remember, recall, list_documents",
        "search has no argument 'max_results'; it takes query, limit, collection",
    ]
    assert missing == [
        "'nope' is not the id of a document. Use one that list_documents showed.",
        "there is no such document",
    ]
    assert "Traceback" not in server.log()


async def test_the_command_logs_no_requests(server: ServerProcess, admin: Cabinet, tmp_path: Path) -> None:
    key = admin.users.create("quiet@example.com").api_key
    environment = clean_environment(CABINET_URL=server.url, CABINET_KEY=key)
    command = StdioServerParameters(command=CABINET[0], args=["mcp"], env=environment)
    with (tmp_path / "log").open("w") as log:
        async with Client(stdio_client(command, errlog=log)) as assistant:
            await assistant.call_tool("search", {"query": "a"})
            await assistant.call_tool("open_source", {"source": "none"})
            with pytest.raises(MCPError):
                await assistant.read_resource("cabinet://documents/none")

    assert (tmp_path / "log").read_text() == ""


async def test_a_source_of_a_shared_collection_is_opened_as_long_as_it_is_shared(
    connect: Connect, server: ServerProcess, admin: Cabinet
) -> None:
    owner, reader = [admin.users.create(f"{name}-{connect.__name__}@example.com") for name in ("owner", "reader")]
    with Cabinet(server.url, owner.api_key) as user:
        document = user.documents.create("tide.txt", "The tide comes twice a day.")
        user.documents.wait([document])
        collection = user.collections.create(name="Sea").id
        user.collections.add(collection, document.id)
        source = {"source": f"{document.id}#0"}
        async with connect(server, reader.api_key) as assistant:
            before = await assistant.call_tool("open_source", source)
            user.collections.share(collection, reader.user.id)
            during = await assistant.call_tool("open_source", source)
            user.collections.unshare(collection, reader.user.id)
            after = await assistant.call_tool("open_source", source)

    assert [result.is_error for result in (before, during, after)] == [True, False, True]
    assert text_of(during) == "tide.txt, chunks 0 to 0:\n\nThe tide comes twice a day."
    assert text_of(before) == text_of(after) == "there is no such document"


async def test_a_shared_collection_is_searched_and_listed_by_name_and_by_id(
    connect: Connect, server: ServerProcess, admin: Cabinet
) -> None:
    owner, reader = [admin.users.create(f"{name}-of-{connect.__name__}@example.com") for name in ("books", "friend")]
    with Cabinet(server.url, owner.api_key) as user, Cabinet(server.url, reader.api_key) as friend:
        document = user.documents.create("whales.txt", "Whales breathe air.")
        own = friend.documents.create("cats.txt", "Cats sleep a lot.")
        user.documents.wait([document])
        friend.documents.wait([own])
        collection = user.collections.create(name="Sea Life").id
        user.collections.add(collection, document.id)
        user.collections.create(name="Secret")
        friend.collections.add(friend.collections.create(name="Pets").id, own.id)
        question = {"query": "How do whales breathe?"}
        async with connect(server, reader.api_key) as assistant:
            unshared = await assistant.call_tool("search", {**question, "collection": "sea life"})
            user.collections.share(collection, reader.user.id)
            plain = text_of(await assistant.call_tool("search", question))
            by_name = text_of(await assistant.call_tool("search", {**question, "collection": "sea life"}))
            by_id = text_of(await assistant.call_tool("search", {**question, "collection": str(collection)}))
            source = by_name[1 : by_name.index("]")]
            opened = text_of(await assistant.call_tool("open_source", {"source": source}))
            listed = text_of(await assistant.call_tool("list_documents", {"collection": "Sea Life"}))
            behind = text_of(
                await assistant.call_tool("list_documents", {"collection": "Sea Life", "after": str(document.id)})
            )
            pets = text_of(await assistant.call_tool("search", {"query": "sleep", "collection": "Pets"}))
            mine = text_of(await assistant.call_tool("list_documents", {}))
            unknown = await assistant.call_tool("search", {**question, "collection": "Secret"})
            friend.collections.create(name="SEA LIFE")
            several = await assistant.call_tool("search", {**question, "collection": "Sea Life"})
            user.collections.unshare(collection, reader.user.id)
            afterwards = await assistant.call_tool("search", {**question, "collection": str(collection)})

    assert "whales" not in plain
    assert "only if named as collection: 'Sea Life'" in plain
    assert by_name == by_id == f"[{source}] whales.txt\nWhales breathe air."
    assert opened.endswith("Whales breathe air.")
    assert listed == f"{document.id} whales.txt (text, 1 chunks, ready)"
    assert behind == "There are no more documents."
    assert "cats.txt" in pets
    assert "whales" not in pets
    assert "cats.txt" in mine
    assert "'Sea Life'" in mine
    assert [result.is_error for result in (unshared, unknown, several, afterwards)] == [True] * 4
    assert text_of(unknown) == "There is no collection 'Secret'. There are: 'Pets', 'Sea Life'."
    assert f"{collection} (shared with the user)" in text_of(several)
    assert "whales" not in text_of(unshared) + text_of(afterwards)


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
