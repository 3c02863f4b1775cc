"""The steps of `two_users` with collections, batches and files, through the native API and through `/v1`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.campaigns.fuzz.two_users import CHOICE, SIDES, WORDS, TwoUsers

FORMS = st.sampled_from(["native", "dialect"])
_NEVER = UUID(int=0)


def _hex(id_: str, prefix: str) -> str:
    return f"{prefix}{UUID(id_).hex}"


class TwoCollectors(TwoUsers):
    """Two users who also have collections. A document that was deleted or replaced meanwhile is answered 422 or 404."""

    @rule(side=SIDES, form=FORMS)
    def collect(self, side: int, form: str) -> None:
        """Create a collection. Both users give theirs the same name."""
        body = {"name": "same", "metadata": {"owner": self.users[side].marker}}
        if form == "native":
            made = self.send(side, "POST", "/collections", 201, json=body)["id"]
        else:
            made = str(UUID(hex=self.send(side, "POST", "/v1/vector_stores", 200, json=body)["id"].removeprefix("vs_")))
        self.users[side].collections.add(made)

    @rule(side=SIDES, choice=CHOICE, other=CHOICE, form=FORMS)
    def add(self, side: int, choice: int, other: int, form: str) -> None:
        """Add a document of either user to a collection of either user."""
        user, collection = self.users[side], self.some("collections", side, choice)
        document, is_own = self.some("documents", side, other), collection in user.collections
        is_owned = document in user.documents
        attributes = {"owner": user.marker}
        if form == "native":
            statuses = [404] if not is_own else [201, 422] if is_owned else [422]
            file = {"document_id": document, "attributes": attributes}
            self.send(side, "POST", f"/collections/{collection}/files", *statuses, json=file)
            batch = {"files": [file]}
            made = self.send(side, "POST", f"/collections/{collection}/batches", *statuses, json=batch)
            if "id" in made:
                user.batches[made["id"]] = collection
        else:
            body = {"file_id": _hex(document, "file-"), "attributes": attributes}
            path = f"/v1/vector_stores/{_hex(collection, 'vs_')}/files"
            self.send(side, "POST", path, *([200, 404] if is_own and is_owned else [404]), json=body)

    @rule(side=SIDES, choice=CHOICE, other=CHOICE)
    def read_collection(self, side: int, choice: int, other: int) -> None:
        """Read all of a collection of either user, from a document of either user on."""
        user, collection = self.users[side], self.some("collections", side, choice)
        status = 200 if collection in user.collections else 404
        document = self.some("documents", side, other)
        for part in ("", "/files", f"/files?after={document}", f"/files?batch_id={self.some_batch(side, other)}"):
            found = self.send(side, "GET", f"/collections/{collection}{part}", status)
            assert all(file["document_id"] in user.documents for file in found.get("data", ())), found
        path = f"/v1/vector_stores/{_hex(collection, 'vs_')}"
        for part in (
            "",
            "/files",
            f"/files?after={_hex(document, 'file-')}",
            f"/files?before={_hex(document, 'file-')}",
        ):
            self.send(side, "GET", f"{path}{part}", status)
        statuses = (200, 404) if status == 200 and document in user.documents else (404,)
        for part in ("", "/content"):
            self.send(side, "GET", f"{path}/files/{_hex(document, 'file-')}{part}", *statuses)

    @rule(side=SIDES, choice=CHOICE, other=CHOICE, form=FORMS)
    def read_batch(self, side: int, choice: int, other: int, form: str) -> None:
        """Read and cancel a batch of either user, in a collection of either user."""
        user, batch = self.users[side], self.some_batch(side, choice)
        collection = user.batches.get(batch) if other % 2 else self.some("collections", side, other)
        collection = collection or self.some("collections", side, other)
        is_own = user.batches.get(batch) == collection and collection in user.collections
        path = (
            f"/collections/{collection}/batches/{batch}"
            if form == "native"
            else f"/v1/vector_stores/{_hex(collection, 'vs_')}/file_batches/{_hex(batch, 'vsfb_')}"
        )
        self.send(side, "GET", path, 200 if is_own else 404)
        self.send(side, "POST", f"{path}/cancel", 200 if is_own else 404)

    @rule(side=SIDES, choice=CHOICE, other=CHOICE)
    def change_file(self, side: int, choice: int, other: int) -> None:
        """Change and remove a document of either user in a collection of either user."""
        user, collection = self.users[side], self.some("collections", side, choice)
        document = self.some("documents", side, other)
        is_own = collection in user.collections and document in user.documents
        path = f"/collections/{collection}/files/{document}"
        body = {"attributes": {"owner": user.marker, "changed": True}}
        self.send(side, "PATCH", path, *((200, 404) if is_own else (404,)), json=body)
        if choice % 4 == 0:
            self.send(side, "DELETE", path, *((204, 404) if is_own else (404,)))

    @rule(side=SIDES, choice=CHOICE, words=WORDS, form=FORMS)
    def search_collection(self, side: int, choice: int, words: list[str], form: str) -> None:
        """Search in a collection of either user for what the other user's documents contain."""
        user, other, collection = self.users[side], self.users[1 - side], self.some("collections", side, choice)
        is_own, query = collection in user.collections, " ".join([other.marker, *words])
        if form == "native":
            body: dict[str, Any] = {"query": query, "limit": 100, "collection_ids": [collection]}
            found = self.send(side, "POST", "/search", 200 if is_own else 422, json=body)
            assert all(one["document_id"] in user.documents for one in found.get("results", ())), found
        else:
            path = f"/v1/vector_stores/{_hex(collection, 'vs_')}/search"
            self.send(side, "POST", path, 200 if is_own else 404, json={"query": query, "max_num_results": 50})

    @rule(side=SIDES, choice=CHOICE)
    def select_collection(self, side: int, choice: int) -> None:
        """List and retry the documents in a collection of either user."""
        collection = self.some("collections", side, choice)
        found = self.send(side, "GET", f"/documents?collection_ids={collection}&limit=100", 200)
        assert {one["id"] for one in found["data"]} <= self.users[side].documents
        status = 202 if collection in self.users[side].collections else 422
        self.send(side, "POST", "/documents/retry", status, 202, json={"collection_ids": [collection]})

    @rule(side=SIDES, choice=CHOICE, form=FORMS)
    def delete_collection(self, side: int, choice: int, form: str) -> None:
        """Delete a collection of either user, one time in four."""
        user, collection = self.users[side], self.some("collections", side, choice)
        if choice % 4:
            return
        is_own = collection in user.collections
        if form == "native":
            self.send(side, "DELETE", f"/collections/{collection}", 204 if is_own else 404)
        else:
            path = f"/v1/vector_stores/{_hex(collection, 'vs_')}"
            self.send(side, "DELETE", path, 200 if is_own else 404)
        user.collections.discard(collection)

    @rule(side=SIDES, choice=CHOICE)
    def read_dialect(self, side: int, choice: int) -> None:
        """Read files and conversations of either user through `/v1`."""
        user, document = self.users[side], self.some("documents", side, choice)
        statuses = (200, 404) if document in user.documents else (404,)
        for part in ("", "/content"):
            self.send(side, "GET", f"/v1/files/{_hex(document, 'file-')}{part}", *statuses)
        conversation = self.some("conversations", side, choice)
        status = 200 if conversation in user.conversations else 404
        for part in ("", "/items"):
            self.send(side, "GET", f"/v1/conversations/{_hex(conversation, 'conv_')}{part}", status)

    @rule(side=SIDES, choice=CHOICE, words=WORDS, other=CHOICE)
    def take_turn(self, side: int, choice: int, words: list[str], other: int) -> None:
        """Prepare a turn of a conversation of either user, with a search in what either user has."""
        user, conversation = self.users[side], self.some("conversations", side, choice)
        document, collection = self.some("documents", side, other), self.some("collections", side, other)
        search: dict[str, Any] = {"document_ids": [document]} if other % 2 else {"collection_ids": [collection]}
        is_found = "document_ids" in search or collection in user.collections
        is_own = conversation in user.conversations
        # With both wrong, either is named.
        statuses = [200] if is_own and is_found else [422] if is_own else [404] if is_found else [404, 422]
        body = {"query": " ".join([self.users[1 - side].marker, *words]), "search": search}
        self.send(side, "POST", f"/conversations/{conversation}/turn", *statuses, json=body)

    def some_batch(self, side: int, choice: int) -> str:
        """Return a batch: mostly of the other user."""
        known = sorted(self.users[side if choice % 3 == 0 else 1 - side].batches)
        return known[choice % len(known)] if known else str(_NEVER)

    def teardown(self) -> None:
        """Compare the collections of both with the model."""
        for side, user in enumerate(self.users):
            assert {one["id"] for one in self.everything(side, "/collections")} == user.collections
        super().teardown()
