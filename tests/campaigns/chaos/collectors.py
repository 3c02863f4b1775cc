"""The actions of a client on collections: it creates and deletes them, adds its documents one by one and in batches,
takes them out again, searches in them, and stores files that are read only in a collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.campaigns.chaos.ledger import Collection, Document, digest
from tests.campaigns.chaos.texts import question, text_of

if TYPE_CHECKING:
    from tests.campaigns.chaos.clients import Client

_MOST_IN_BATCH = 5
# A document that is being replaced or transferred may be missing, and a collection may have expired (400 at /v1).
_REFUSALS = frozenset({400, 404, 409, 422})
# The sizes of chunks that a file is added with. None: the request names no strategy.
_SIZES = (None, None, 100, 150, 200)
_SOON_S = 5


class Collector:
    """The collections of one client, which no other client uses."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._collections: list[Collection] = []
        self._number = 0

    async def create(self) -> None:
        """Create a collection; one in four expires soon after its last use."""
        client = self._client
        self._number += 1
        collection = Collection(user=client.user, name=f"{client.tag}-collection-{self._number}")
        collection.is_expiring = client.chance.random() < 0.25
        body: dict[str, Any] = {"name": collection.name, "metadata": {"number": self._number}}
        body |= {"expires_after_s": _SOON_S} if collection.is_expiring else {}
        client.ledger.collections.append(collection)
        answer = await client.once("/collections", body)
        if answer.outcome == "acknowledged":
            collection.acknowledged()
            collection.id = answer.body["id"]
            self._collections.append(collection)
        elif answer.outcome == "refused":
            collection.gone()

    async def store(self) -> None:
        """Store a file, which is not read before it is added to a collection."""
        client = self._client
        self._number += 1
        name = f"{client.tag}-file-{self._number}.txt"
        text = text_of(name, 1, client.chance.choice([1, 3, 12]), client.chance)
        document = Document(name=name, owners={client.user}, held={client.user}, digests={digest(text)})
        document.has_metadata = False
        client.ledger.documents[name] = document
        files = {"file": (name, text.encode()), "purpose": (None, "assistants")}
        answer = await client.call("POST", "/v1/files", files=files)
        client.count(answer, uploads=1, bytes=len(text))
        if answer.outcome == "acknowledged":
            document.acknowledged()
            document.id = str(UUID(hex=answer.body["id"].removeprefix("file-")))
            client.documents.append(document)
        elif answer.outcome == "refused":
            document.gone()

    async def add(self) -> None:
        """Add a document to a collection, in three cases of five with chunks of a size of its own."""
        collection, document = self._any(), self._client.own()
        if collection is None or document is None:
            return
        member = collection.member(document)
        member.unknown_if_new()
        size, attributes = self._client.chance.choice(_SIZES), {"name": document.name}
        if size is None:
            path = f"/collections/{collection.id}/files"
            body = {"document_id": document.id, "attributes": attributes}
        else:
            path = f"{_store(collection)}/files"
            body = {"file_id": _file(document), "attributes": attributes, "chunking_strategy": _static(size)}
        answer = await self._client.call("POST", path, refusals=_REFUSALS, json=body)
        self._told(collection, {document.name: size}, answer.outcome)

    async def add_many(self) -> None:
        """Add documents in a batch; one batch in three is cancelled immediately."""
        client, collection = self._client, self._any()
        owned = {document.name: document for document in client.documents if document.is_certain}
        if collection is None or not owned:
            return
        chosen = client.chance.sample(sorted(owned), min(len(owned), client.chance.randint(1, _MOST_IN_BATCH)))
        members = [collection.member(owned[name]) for name in chosen]
        for member in members:
            member.unknown_if_new()
        sizes = {name: client.chance.choice(_SIZES) for name in chosen}
        if any(sizes.values()):
            path = f"{_store(collection)}/file_batches"
            files = [_entry(owned[name], size) for name, size in sizes.items()]
        else:
            path = f"/collections/{collection.id}/batches"
            files = [{"document_id": owned[name].id, "attributes": {"name": name}} for name in chosen]
        answer = await client.call("POST", path, refusals=_REFUSALS, json={"files": files})
        self._told(collection, sizes, answer.outcome)
        if answer.outcome == "acknowledged":
            collection.batches.append(str(UUID(hex=answer.body["id"].removeprefix("vsfb_"))))
            if client.chance.random() < 0.33:
                for member in members:
                    member.cancelled()
                await client.call("POST", f"{path}/{answer.body['id']}/cancel", refusals=frozenset({404}))

    async def take_out(self) -> None:
        """Remove a document from a collection."""
        client, collection = self._client, self._any()
        members = [member for member in collection.members.values() if member.is_certain] if collection else []
        if collection is None or not members:
            return
        member = client.chance.choice(members)
        answer = await client.call(
            "DELETE", f"/collections/{collection.id}/files/{member.document.id}", refusals=frozenset({404})
        )
        if answer.outcome == "acknowledged":
            member.gone()
        elif answer.outcome == "unknown":
            member.unknown()
        member.size = None

    async def search(self) -> None:
        """Search in a collection: this client must have added all found documents."""
        client, collection = self._client, self._any()
        if collection is None:
            return
        body = {"query": question(client.chance), "limit": 20, "collection_ids": [collection.id]}
        answer = await client.call("POST", "/search", refusals=frozenset({422}), json=body, searches=1)
        if answer.outcome == "acknowledged":
            for result in answer.body["results"]:
                member = collection.members.get(result["filename"])
                is_there = member is not None and member.most > 0
                client.judge.expect(is_there, f"{collection.name} finds {result['filename']}, which is not in it")

    async def read(self) -> None:
        """List the files of a collection, and check the acknowledged ones."""
        client, collection = self._client, self._any()
        if collection is None or collection.is_expiring:
            return
        known = {member.document.name for member in collection.members.values() if member.is_there()}
        answer = await client.call("GET", f"/collections/{collection.id}/files?limit=100")
        if answer.outcome == "acknowledged" and answer.body["next"] is None:
            found = {file["filename"] for file in answer.body["data"]}
            client.judge.expect(found >= known, f"{collection.name} lacks {sorted(known - found)[:5]}")
            extra = {name for name in found if name not in collection.members or not collection.members[name].most}
            client.judge.expect(not extra, f"{collection.name} has {sorted(extra)[:5]}, which nobody added")

    async def spy(self) -> None:
        """Read, change and search another tenant's collection, which must look like one that does not exist."""
        client = self._client
        theirs = [each for each in client.ledger.collections if each.user != client.user and each.id]
        if not theirs:
            return
        other, is_searched = client.chance.choice(theirs), client.chance.random() < 0.5
        if is_searched:
            body = {"query": question(client.chance), "collection_ids": [other.id]}
            answer = await client.call("POST", "/search", refusals=frozenset({422}), json=body, searches=1)
        else:
            method, path = client.chance.choice([("GET", ""), ("DELETE", ""), ("GET", "/files")])
            answer = await client.call(method, f"/collections/{other.id}{path}", refusals=frozenset({404}))
        client.judge.expect(answer.outcome != "acknowledged", f"a stranger reaches {other.name}")

    async def drop(self) -> None:
        """Delete a collection."""
        client = self._client
        if len(self._collections) < 3:
            return
        collection = client.chance.choice(self._collections)
        self._collections.remove(collection)
        answer = await client.call("DELETE", f"/collections/{collection.id}")
        if answer.outcome == "acknowledged":
            collection.gone()
        elif answer.outcome == "unknown":
            collection.unknown()
        else:
            self._collections.append(collection)

    def _any(self) -> Collection | None:
        return self._client.chance.choice(self._collections) if self._collections else None

    def _told(self, collection: Collection, sizes: dict[str, int | None], outcome: str) -> None:
        for name, size in sizes.items():
            member = collection.members[name]
            if outcome == "acknowledged" and collection.is_expiring:
                member.unknown()
            elif outcome == "acknowledged":
                member.acknowledged()
            elif outcome == "refused":
                member.as_before()
            if size is not None and outcome != "refused":
                member.sized(size, is_certain=outcome == "acknowledged")


def _store(collection: Collection) -> str:
    return f"/v1/vector_stores/vs_{UUID(collection.id).hex}"


def _file(document: Document) -> str:
    return f"file-{UUID(document.id).hex}"


def _entry(document: Document, size: int | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"file_id": _file(document), "attributes": {"name": document.name}}
    return entry if size is None else entry | {"chunking_strategy": _static(size)}


def _static(size: int) -> dict[str, Any]:
    return {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": size // 10}}
