"""Shares collections, revokes the shares, adds and removes files; a reader and a stranger examine everything.

    python -m tests.campaigns.sharing [--operations 20000] [--seed 1] [--version 18] [--rls]

Each operation is a request of one of three users. The model knows what is shared with whom. Every search, list and
answer is compared with it: nothing is seen that is not shared, and everything that is shared is seen.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from svc.embedded.server import start_embedded
from svc.migrations.migrate import apply_migrations
from tests.conftest import ADMIN_KEY, Service, running_service, test_settings

STEPS = 50
_MOST_COLLECTIONS = 3
# Only one in this number of removing requests is sent, so that shared data can also be examined.
_RARELY = 5
_TEXTS = ["The tide is low.", "The tide is high.", "The tide turns.", "The tide is late.", "A spring tide."]
_MODES = st.sampled_from(["keyword", "meaning", "hybrid"])
_PLACE = st.integers(0, 1_000)
_READERS = st.sampled_from(["reader", "everyone"])
_LOOKERS = st.sampled_from(["reader", "stranger"])


@dataclass(frozen=True)
class Scene:
    """A service with three users; the owner has documents, each with one chunk."""

    service: Service
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    ids: dict[str, str]
    keys: dict[str, str]
    chunks: dict[str, str]
    """The chunk of each document."""
    talks: dict[str, str]
    """The conversation of each user who looks."""


@dataclass
class Shared:
    """A collection as the model knows it."""

    files: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)

    def is_open_to(self, user: str) -> bool:
        """Whether a user may read it."""
        return user in self.readers or "everyone" in self.readers


async def make_scene(service: Service, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Scene:
    """Create the users and the documents."""
    users = {name: await service.user(f"{name}-{uuid4()}@example.org") for name in ("owner", "reader", "stranger")}
    keys = {name: key for name, (_, key) in users.items()}
    chunks = {}
    for number, text in enumerate(_TEXTS):
        document = await service.ready_document(keys["owner"], f"{number}.txt", text)
        page = (await service.call("GET", f"/documents/{document['id']}/chunks", keys["owner"])).json()
        chunks[document["id"]] = page["data"][0]["id"]
    talks = {}
    for name in ("reader", "stranger"):
        talks[name] = (await service.call("POST", "/conversations", keys[name], json={})).json()["id"]
    return Scene(service, run, {name: id_ for name, (id_, _) in users.items()}, keys, chunks, talks)


class Sharing(RuleBasedStateMachine):
    """The machine. `operations` counts the requests of all machines by kind."""

    operations: ClassVar[Counter[str]] = Counter()

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene
        self.documents = list(scene.chunks)
        self.collections: dict[str, Shared] = {}
        self.talks = dict(scene.talks)

    def send(self, user: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request of a user."""
        self.operations["requests"] += 1
        answer: httpx.Response = self.scene.run(self.scene.service.call(method, path, self.scene.keys[user], **options))
        assert answer.status_code < 500, answer.text
        return answer

    def chosen(self, place: int) -> tuple[str, Shared]:
        """One of the collections."""
        return list(self.collections.items())[place % len(self.collections)]

    def has_collections(self) -> bool:
        """Whether there is a collection."""
        return bool(self.collections)

    @initialize(
        readers=st.sets(_READERS, min_size=1), which=st.sets(_PLACE, min_size=1, max_size=3), is_new=st.booleans()
    )
    def begin(self, readers: set[str], which: set[int], is_new: bool) -> None:
        """Begin with a shared collection with files, so that there is visible data, and with new or earlier
        conversations."""
        if is_new:
            for user in self.talks:
                self.talks[user] = self.send(user, "POST", "/conversations", json={}).json()["id"]
        self.create()
        for reader in sorted(readers):
            self.share(0, reader)
        for place in sorted(which):
            self.add(0, place)

    @precondition(lambda self: len(self.collections) < _MOST_COLLECTIONS)
    @rule()
    def create(self) -> None:
        """Create a collection."""
        answer = self.send("owner", "POST", "/collections", json={})
        assert answer.status_code == 201
        self.collections[answer.json()["id"]] = Shared()

    @precondition(has_collections)
    @rule(place=_PLACE)
    def delete(self, place: int) -> None:
        """Delete a collection occasionally."""
        if place % _RARELY:
            return
        collection, _ = self.chosen(place // _RARELY)
        assert self.send("owner", "DELETE", f"/collections/{collection}").status_code == 204
        del self.collections[collection]
        assert self.send("reader", "GET", f"/collections/{collection}").status_code == 404

    @precondition(has_collections)
    @rule(place=_PLACE, reader=_READERS)
    def share(self, place: int, reader: str) -> None:
        """Share a collection."""
        collection, model = self.chosen(place)
        assert self._put_reader(collection, reader, "PUT").status_code == 200
        model.readers.add(reader)

    @precondition(has_collections)
    @rule(place=_PLACE, reader=_READERS)
    def unshare(self, place: int, reader: str) -> None:
        """Revoke a share occasionally, if there is one."""
        if place % _RARELY:
            return
        collection, model = self.chosen(place // _RARELY)
        expected = 204 if reader in model.readers else 404
        assert self._put_reader(collection, reader, "DELETE").status_code == expected
        model.readers.discard(reader)

    def _put_reader(self, collection: str, reader: str, method: str) -> httpx.Response:
        """Only the admin shares with everyone."""
        self.operations["requests"] += 1
        path = f"/collections/{collection}/readers/{self.scene.ids.get(reader, reader)}"
        acting = {"Cabinet-User": self.scene.ids["owner"]}
        answer: httpx.Response = self.scene.run(self.scene.service.call(method, path, ADMIN_KEY, headers=acting))
        return answer

    @precondition(has_collections)
    @rule(place=_PLACE, which=_PLACE)
    def add(self, place: int, which: int) -> None:
        """Add a file."""
        collection, model = self.chosen(place)
        document = self.documents[which % len(self.documents)]
        body = {"document_id": document}
        assert self.send("owner", "POST", f"/collections/{collection}/files", json=body).status_code == 201
        model.files.add(document)

    @precondition(has_collections)
    @rule(place=_PLACE, which=_PLACE)
    def detach(self, place: int, which: int) -> None:
        """Remove a file occasionally, if it is there."""
        if place % _RARELY:
            return
        collection, model = self.chosen(place // _RARELY)
        document = self.documents[which % len(self.documents)]
        expected = 204 if document in model.files else 404
        path = f"/collections/{collection}/files/{document}"
        assert self.send("owner", "DELETE", path).status_code == expected
        model.files.discard(document)

    @precondition(has_collections)
    @rule(place=_PLACE, user=_LOOKERS, mode=_MODES)
    def search(self, place: int, user: str, mode: str) -> None:
        """Search a collection: all that is in it is found, or it does not exist for this user."""
        collection, model = self.chosen(place)
        body = {"query": "the tide", "mode": mode, "collection_ids": [collection], "limit": 20}
        answer = self.send(user, "POST", "/search", json=body)
        if not model.is_open_to(user):
            assert answer.status_code == 422, answer.text
            return
        assert {each["document_id"] for each in answer.json()["results"]} == model.files
        self.operations["documents found"] += len(model.files)

    @rule(user=_LOOKERS)
    def search_everything(self, user: str) -> None:
        """A search without collections finds nothing of the owner's."""
        assert self.send(user, "POST", "/search", json={"query": "the tide"}).json()["results"] == []

    @precondition(has_collections)
    @rule(user=_LOOKERS, mode=_MODES)
    def search_all(self, user: str, mode: str) -> None:
        """Search all collections together."""
        ids = list(self.collections)
        answer = self.send(
            user, "POST", "/search", json={"query": "the tide", "mode": mode, "collection_ids": ids, "limit": 20}
        )
        if not all(model.is_open_to(user) for model in self.collections.values()):
            assert answer.status_code == 422, answer.text
            return
        expected = {document for model in self.collections.values() for document in model.files}
        assert {each["document_id"] for each in answer.json()["results"]} == expected
        self.operations["documents found"] += len(expected)

    @rule(user=_LOOKERS, which=_PLACE, kind=st.integers(0, 3))
    def open(self, user: str, which: int, kind: int) -> None:
        """Open a document: it is visible if a collection with it is shared."""
        document = self.looked_for(user, which)
        path = [
            f"/documents/{document}",
            f"/documents/{document}/text",
            f"/documents/{document}/content",
            f"/chunks/{self.scene.chunks[document]}",
        ][kind]
        is_open = self.is_open(document, user)
        answer = self.send(user, "GET", path)
        assert answer.status_code == (200 if is_open else 404), answer.text
        self.operations["documents opened" if is_open else "documents refused"] += 1

    def is_open(self, document: str, user: str) -> bool:
        """Whether a user may read a document."""
        return any(document in model.files and model.is_open_to(user) for model in self.collections.values())

    def looked_for(self, user: str, which: int) -> str:
        """One of the documents: three times of four one that a user may read, if there is one."""
        readable = [document for document in self.documents if self.is_open(document, user)]
        documents = readable if readable and which % 4 else self.documents
        return documents[which // 4 % len(documents)]

    @rule(user=_LOOKERS, which=_PLACE)
    def cite(self, user: str, which: int) -> None:
        """Cite the chunk of a document: it is accepted if a collection with it is shared."""
        document = self.looked_for(user, which)
        path = f"/conversations/{self.talks[user]}/messages"
        said = {"role": "assistant", "content": "See [1].", "sources": [self.scene.chunks[document]]}
        answer = self.send(user, "POST", path, json=said)
        assert answer.status_code == (201 if self.is_open(document, user) else 422), answer.text
        if answer.status_code == 201:
            self.operations["citations"] += 1
            assert answer.json()["data"][0]["sources"][0]["content"] in _TEXTS

    @rule(user=_LOOKERS, kind=st.integers(0, 4))
    def read_citations(self, user: str, kind: int) -> None:
        """Read what was cited, also by machines before: its text is there as long as it is shared."""
        talk = f"/conversations/{self.talks[user]}"
        method, path, body = [
            ("GET", f"{talk}/messages?limit=100", None),
            ("GET", f"{talk}/context", None),
            ("GET", "/conversations?recent=50", None),
            ("POST", f"{talk}/search", {"query": "see", "mode": "keyword", "limit": 50}),
            ("GET", "/me/export", None),
        ][kind]
        answer = self.send(user, method, path, **({} if body is None else {"json": body}))
        if path == "/me/export":
            assert not [text for text in _TEXTS if text in answer.text]
            return
        answered = answer.json()
        messages = (
            answered["data"][0]["messages"] if "recent" in path else answered.get("data", answered.get("results"))
        )
        for source in (source for message in messages for source in message["sources"]):
            is_shown = self.is_open(source["document_id"], user)
            assert source["state"] == ("current" if is_shown else "unavailable")
            assert bool(source["content"]) == bool(source["filename"]) == is_shown
            self.operations["citations shown" if is_shown else "citations blank"] += 1

    @precondition(has_collections)
    @rule(place=_PLACE, user=_LOOKERS)
    def turn(self, place: int, user: str) -> None:
        """Ask in the conversation: all that is in the collection is new or cited, or it does not exist."""
        collection, model = self.chosen(place)
        search = {"collection_ids": [collection], "limit": 20, "mode": "keyword"}
        path = f"/conversations/{self.talks[user]}/turn"
        answer = self.send(user, "POST", path, json={"query": "the tide", "token_budget": 10_000, "search": search})
        if not model.is_open_to(user):
            assert answer.status_code == 422, answer.text
            return
        turn = answer.json()
        assert {chunk["document_id"] for chunk in [*turn["chunks"], *turn["cited"]]} == model.files
        self.operations["documents in turns"] += len(model.files)
        cited = {chunk for message in turn["messages"] for chunk in message["sources"]}
        assert all((chunk["chunk_id"] in cited) == (chunk in turn["cited"]) for chunk in turn["chunks"] + turn["cited"])

    @precondition(has_collections)
    @rule(place=_PLACE, user=_LOOKERS)
    def files(self, place: int, user: str) -> None:
        """List the files of a collection."""
        collection, model = self.chosen(place)
        answer = self.send(user, "GET", f"/collections/{collection}/files")
        if model.is_open_to(user):
            assert {each["document_id"] for each in answer.json()["data"]} == model.files
            self.operations["documents listed"] += len(model.files)
        else:
            assert answer.status_code == 404

    @rule(user=_LOOKERS)
    def list(self, user: str) -> None:
        """List the shared collections."""
        listed = self.send(user, "GET", "/collections?shared=true").json()["data"]
        expected = {id_: len(one.files) for id_, one in self.collections.items() if one.is_open_to(user)}
        assert {each["id"]: each["file_counts"]["total"] for each in listed} == expected
        assert self.send(user, "GET", "/collections").json()["data"] == []

    @precondition(has_collections)
    @rule(place=_PLACE, user=_LOOKERS, which=_PLACE, kind=st.integers(0, 6))
    def change(self, place: int, user: str, which: int, kind: int) -> None:
        """A reader changes nothing; what the owner's files are is compared by the other rules."""
        collection, _ = self.chosen(place)
        document = self.documents[which % len(self.documents)]
        path = f"/collections/{collection}"
        method, path, body = [
            ("PATCH", path, {"name": "mine"}),
            ("DELETE", path, None),
            ("POST", f"{path}/files", {"document_id": document}),
            ("DELETE", f"{path}/files/{document}", None),
            ("PUT", f"{path}/readers/{self.scene.ids['stranger' if user == 'reader' else 'reader']}", None),
            ("PATCH", f"/documents/{document}", {"filename": "mine.txt"}),
            ("DELETE", f"/documents/{document}", None),
        ][kind]
        answer = self.send(user, method, path, **({} if body is None else {"json": body}))
        assert answer.status_code == 404, answer.text
        self.operations["changes refused"] += 1

    def teardown(self) -> None:
        """Leave the documents only."""
        for collection in self.collections:
            self.send("owner", "DELETE", f"/collections/{collection}")


def run_machines(scene: Scene, number: int, operations: int) -> Counter[str]:
    """Run machines until they have sent this number of requests. `number` is the seed.

    Raises:
        AssertionError: an answer is wrong; the steps that lead to it are printed.
    """
    Sharing.operations.clear()

    class Machine(Sharing):
        def __init__(self) -> None:
            super().__init__(scene)

    seeds = random.Random(number)
    while Sharing.operations["requests"] < operations:
        left = operations - Sharing.operations["requests"]
        run_state_machine_as_test(
            seed(seeds.randrange(2**32))(Machine),
            settings=settings(
                max_examples=max(1, min(50, left // STEPS)),
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                print_blob=False,
                suppress_health_check=[*HealthCheck],
                phases=[Phase.generate],
            ),
        )
    return Sharing.operations


def main() -> None:
    """Run the campaign and print its operations."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", choices=["16", "18"], default="18", help="of the server")
    parser.add_argument("--rls", action="store_true", help="with row level security")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cabinet-sharing-"))
    folder.chmod(0o755)
    with asyncio.Runner() as runner:
        server = runner.run(start_embedded(folder, options.version))
        try:
            changes = {"rls": True} if options.rls else {}
            runner.run(apply_migrations(test_settings(**changes), server.url))
            context = running_service(test_settings(**changes), server.url)
            service = runner.run(context.__aenter__())
            started = time.monotonic()
            try:
                counts = run_machines(runner.run(make_scene(service, runner.run)), options.seed, options.operations)
            finally:
                runner.run(context.__aexit__(None, None, None))
        finally:
            server.stop()
            shutil.rmtree(folder)
    print(", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())))
    print(f"seed {options.seed}: nothing wrong in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
