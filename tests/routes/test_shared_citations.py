"""Messages that cite chunks of collections that other users share, in every place that shows citations."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from svc.routes import shared_citations
from tests.conftest import ADMIN_KEY, Service
from tests.routes.answers import done, ok, problem, statements
from tests.routes.tenants import Tenant, direct_connection, new_tenant
from tests.routes.test_collections import added, made
from tests.routes.test_collections import documents as uploaded
from tests.routes.test_readers import share, unshare

TEXT = "The tide of spring is high."
BLANK = {"filename": "", "content": "", "state": "unavailable"}


class Reader:
    """A reader whose conversation cites the only chunk of a shared collection, and a chunk of the reader's own."""

    def __init__(self, owner: Tenant, reader: Tenant) -> None:
        self.owner, self.tenant = owner, reader

    async def cites(self, text: str = TEXT) -> Reader:
        """Share, find and cite."""
        (self.document,) = await uploaded(self.owner, text)
        (self.own_document,) = await uploaded(self.tenant, "My own harbour.")
        self.collection = await made(self.owner)
        await added(self.owner, self.collection, self.document)
        await share(self.owner, self.collection, self.tenant)
        body = {"query": "tide", "collection_ids": [self.collection]}
        (found,) = ok(await self.tenant.post("/search", json=body))["results"]
        self.chunk = found["chunk_id"]
        self.own_chunk = (await self.tenant.chunks(self.own_document))[0]["id"]
        self.conversation = (await self.tenant.conversation())["id"]
        self.path = f"/conversations/{self.conversation}"
        said = {"role": "assistant", "content": "High [1].", "sources": [self.chunk, self.own_chunk, self.chunk]}
        (self.message,) = ok(await self.tenant.post(f"{self.path}/messages", json=said), 201)["data"]
        return self

    async def shown(self) -> list[dict[str, Any]]:
        """The sources, which every route must show identically."""
        await self.tenant.embedded(self.conversation)
        get, post = self.tenant.get, self.tenant.post
        search = {"query": "High", "neighbours": 1}
        answers = [
            ok(await get(f"{self.path}/messages"))["data"][0],
            ok(await get(f"{self.path}/messages/{self.message['id']}")),
            ok(await get(f"{self.path}/context"))["data"][0],
            ok(await get("/conversations?recent=1"))["data"][0]["messages"][0],
            *[ok(await post(f"/conversations{place}/search", json={**search, "mode": mode}))["results"][0]
              for place in ("", f"/{self.conversation}") for mode in ("keyword", "meaning", "hybrid")],
            ok(await self.tenant.patch(f"{self.path}/messages/{self.message['id']}", json={"metadata": {"a": 1}})),
        ]  # fmt: skip
        (sources,) = {json.dumps(answer["sources"]) for answer in answers}
        return list(json.loads(sources))

    async def exported(self) -> str:
        """The whole export of the reader."""
        return (await self.tenant.get("/me/export")).text


@pytest_asyncio.fixture
async def reader(tenant: Tenant, other: Tenant) -> Reader:
    return await Reader(tenant, other).cites()


async def test_a_reader_cites_what_is_shared(reader: Reader) -> None:
    first, second, third = reader.message["sources"]
    assert first == third == {
        "chunk_id": reader.chunk, "document_id": reader.document, "filename": first["filename"], "chunk_index": 0,
        "content": TEXT, "state": "current",
    }  # fmt: skip
    assert first["filename"]
    assert second["content"] == "My own harbour."
    assert await reader.shown() == reader.message["sources"]
    assert TEXT not in await reader.exported(), "the text is the owner's"
    assert await stored_texts(reader) == 0


async def stored_texts(reader: Reader) -> int:
    """The number of the reader's messages that contain the owner's text."""
    async with direct_connection(reader.tenant.service) as connection:
        query = "select count(*) from messages m where m.user_id = $1 and strpos(to_jsonb(m)::text, $2) > 0"
        return int(await connection.fetchval(query, reader.tenant.id, TEXT))


async def end_share(reader: Reader) -> None:
    await unshare(reader.owner, reader.collection, reader.tenant)


async def end_file(reader: Reader) -> None:
    done(await reader.owner.delete(f"/collections/{reader.collection}/files/{reader.document}"))


async def end_document(reader: Reader) -> None:
    done(await reader.owner.delete(f"/documents/{reader.document}"))


async def end_collection(reader: Reader) -> None:
    done(await reader.owner.delete(f"/collections/{reader.collection}"))


async def end_expired(reader: Reader) -> None:
    async with direct_connection(reader.tenant.service) as connection:
        query = "update collections set expires_at = now() - interval '1 s' where id = $1"
        await connection.execute(query, UUID(reader.collection))


async def end_chunk(reader: Reader) -> None:
    async with direct_connection(reader.tenant.service) as connection:
        await connection.execute("delete from chunks where id = $1", UUID(reader.chunk))


async def end_transfer(reader: Reader) -> None:
    receiver = await new_tenant(reader.owner.service)
    acting = {"Cabinet-User": reader.owner.id}
    body = {"document_ids": [reader.document], "to_user": receiver.id}
    ok(await reader.owner.service.call("POST", "/documents/transfer", ADMIN_KEY, json=body, headers=acting))


ENDS = [end_share, end_file, end_document, end_collection, end_expired, end_chunk, end_transfer]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_a_citation_is_blank_when_its_text_is_no_longer_shared(reader: Reader, end: Any) -> None:
    own = reader.message["sources"][1]
    await end(reader)
    first, second, third = await reader.shown()
    assert first == third == {"chunk_id": reader.chunk, "document_id": reader.document, "chunk_index": 0, **BLANK}
    assert second == own
    assert TEXT not in await reader.exported()
    turn = ok(await reader.tenant.post(f"{reader.path}/turn", json={"query": "tide"}))
    assert turn["messages"][0]["sources"] == [reader.chunk, reader.own_chunk, reader.chunk]
    assert TEXT not in json.dumps(turn)
    said = {"role": "assistant", "content": "Again.", "sources": [reader.chunk]}
    problem(await reader.tenant.post(f"{reader.path}/messages", json=said), 422, "sources")


async def test_a_citation_ends_with_its_owner_and_leaves_nothing_behind(shared: Service) -> None:
    owner, caller = await new_tenant(shared), await new_tenant(shared)
    reader = await Reader(owner, caller).cites()
    ok(await shared.call("DELETE", f"/users/{owner.id}", ADMIN_KEY))
    shown = await reader.shown()
    assert [source["state"] for source in shown] == ["unavailable", "current", "unavailable"]
    assert await stored_texts(reader) == 0
    assert TEXT not in await reader.exported()


async def test_a_share_that_is_given_again_shows_the_text_again(reader: Reader) -> None:
    await end_share(reader)
    assert (await reader.shown())[0]["content"] == ""
    await share(reader.owner, reader.collection, reader.tenant)
    assert await reader.shown() == reader.message["sources"]


async def test_the_text_under_the_same_id_of_another_owner_is_not_the_cited_one(reader: Reader) -> None:
    """An import, for example, can give two users chunks with equal ids."""
    third = await new_tenant(reader.owner.service)
    (document,) = await uploaded(third, "The tide of somebody else.")
    collection = await made(third)
    await added(third, collection, document)
    await share(third, collection, reader.tenant)
    await end_document(reader)
    async with direct_connection(third.service) as connection:
        await connection.execute("update chunks set id = $1 where user_id = $2", UUID(reader.chunk), third.id)
    assert (await reader.shown())[0] == {**reader.message["sources"][0], **BLANK}


async def test_a_turn_does_not_give_again_what_a_shared_citation_gave(reader: Reader) -> None:
    (again,) = await uploaded(reader.owner, TEXT)
    await added(reader.owner, reader.collection, again)
    other_text = "The tide of autumn is low."
    (new,) = await uploaded(reader.owner, other_text)
    await added(reader.owner, reader.collection, new)
    search = {"collection_ids": [reader.collection], "duplicates": "keep"}
    turn = ok(await reader.tenant.post(f"{reader.path}/turn", json={"query": "the tide", "search": search}))
    assert [chunk["content"] for chunk in turn["chunks"]] == [other_text]
    assert {chunk["document_id"] for chunk in turn["cited"]} == {reader.document, again}
    said = {"role": "assistant", "content": "Low [1].", "sources": [turn["chunks"][0]["chunk_id"]]}
    assert ok(await reader.tenant.post(f"{reader.path}/messages", json=said), 201)["data"][0]["sources"][0][
        "content"
    ] == other_text  # fmt: skip
    await end_share(reader)
    refused = await reader.tenant.post(f"{reader.path}/turn", json={"query": "the tide", "search": search})
    problem(refused, 422, "search.collection_ids")


async def test_nobody_cites_what_is_not_shared_with_them(reader: Reader) -> None:
    """Another document of an owner who shares something, and a stranger: as ids that do not exist."""
    (private,) = await uploaded(reader.owner, "The tide in private.")
    hidden = (await reader.owner.chunks(private))[0]["id"]
    stranger = await new_tenant(reader.owner.service)
    theirs = (await stranger.conversation())["id"]
    for caller, path, chunk in (
        (reader.tenant, reader.path, hidden),
        (stranger, f"/conversations/{theirs}", reader.chunk),
    ):
        answers = []
        for id_ in (str(uuid4()), chunk):
            said = {"role": "assistant", "content": "No.", "sources": [id_]}
            answer = await caller.post(f"{path}/messages", json=said)
            problem(answer, 422, "sources")
            body = answer.json()
            body.pop("request_id", None)
            answers.append((body, statements(answer)))
        assert answers[0] == answers[1]
        both = {"role": "assistant", "content": "No.", "sources": [reader.own_chunk, chunk]}
        problem(await caller.post(f"{path}/messages", json=both), 422, "sources")
    assert len(ok(await reader.tenant.get(f"{reader.path}/messages"))["data"]) == 1


async def test_everyones_collection_can_be_cited_by_its_owner_and_by_others(tenant: Tenant, other: Tenant) -> None:
    (document,) = await uploaded(tenant, TEXT)
    collection = await made(tenant)
    await added(tenant, collection, document)
    acting = {"Cabinet-User": tenant.id}
    path = f"/collections/{collection}/readers/everyone"
    ok(await tenant.service.call("PUT", path, ADMIN_KEY, headers=acting))
    chunk = (await tenant.chunks(document))[0]["id"]
    for caller, expected in ((tenant, "current"), (other, "unavailable")):
        conversation = (await caller.conversation())["id"]
        said = {"role": "assistant", "content": "High.", "sources": [chunk]}
        (message,) = await caller.say(conversation, said)
        assert message["sources"][0]["content"] == TEXT
        if caller is other:
            done(await tenant.delete(f"/documents/{document}"))
        listed = ok(await caller.get(f"/conversations/{conversation}/messages"))["data"]
        assert listed[0]["sources"][0]["state"] == expected
    done(await tenant.delete(f"/collections/{collection}"))


async def test_files_added_after_the_share_was_revoked_are_not_shown(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share ends between its check and the read of the text."""
    texts = shared_citations._texts

    async def late(*arguments: Any) -> Any:
        await end_share(reader)
        return await texts(*arguments)

    monkeypatch.setattr(shared_citations, "_texts", late)
    listed = ok(await reader.tenant.get(f"{reader.path}/messages"))["data"]
    assert listed[0]["sources"][0] == {**reader.message["sources"][0], **BLANK}


async def test_an_answer_has_a_limited_amount_of_shared_text(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_citations, "_MAX_TEXT_BYTES", len(TEXT) - 1)
    first, _, third = ok(await reader.tenant.get(f"{reader.path}/messages"))["data"][0]["sources"]
    assert (first["content"], first["state"]) == (TEXT, "current")
    assert (third["filename"], third["content"], third["state"]) == ("", "", "omitted")


async def test_too_many_chunks_are_not_looked_up(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_citations, "MAX_LOOKED_UP", 1)
    said = {"role": "assistant", "content": "Both.", "sources": [reader.chunk, reader.own_chunk]}
    refused = problem(await reader.tenant.post(f"{reader.path}/messages", json=said), 422, "sources")
    assert "at most 1 different" in refused["detail"]


async def test_a_repeated_request_returns_the_same_citation(reader: Reader) -> None:
    said = {"role": "assistant", "content": "Once.", "sources": [reader.chunk]}
    once = {"Idempotency-Key": str(uuid4())}
    call = reader.tenant.service.call
    first, again = [
        ok(await call("POST", f"{reader.path}/messages", reader.tenant.key, json=said, headers=once), 201)
        for _ in range(2)
    ]
    assert first == again
    assert first["data"][0]["sources"][0]["content"] == TEXT
