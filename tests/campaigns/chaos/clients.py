"""The clients: each uploads, replaces, reads, deletes and gives away documents of one tenant, holds conversations, and
searches, and keeps the ledger of what it was told.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from tests.campaigns.chaos.answers import Answer, Judge
from tests.campaigns.chaos.collectors import Collector
from tests.campaigns.chaos.ledger import Batch, Conversation, Document, Ledger, digest
from tests.campaigns.chaos.programs import Program
from tests.campaigns.chaos.texts import question, text_of

Servers = Callable[[random.Random], tuple[Program, str] | None]
"""Picks a running server; None if there is none."""

_REPEATS = 4
NO_SERVER_S = 0.2
"""Seconds between two checks for a running server."""


class Client:
    """One client of one tenant. No other client uses its conversations, and its documents change only by transfers."""

    def __init__(
        self, judge: Judge, ledger: Ledger, servers: Servers, admin_key: str, user: str, key: str, tag: str, seed: str
    ) -> None:
        self.user = user
        self.documents: list[Document] = []
        self.others: list[Client] = []
        self.is_over = False
        self.judge = judge
        self.ledger = ledger
        self._servers = servers
        self._admin_key = admin_key
        self._key = key
        self.tag = tag
        self.chance = random.Random(seed)
        self.collector = Collector(self)
        self._conversations: list[Conversation] = []
        self._number = 0

    async def run(self, pause_s: float) -> None:
        """Perform actions in sequence until `is_over`, with pauses of about `pause_s`."""
        things: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (8, self.upload), (2, self.replace), (3, self.read), (2, self.fetch), (3, self.search), (2, self.delete),
            (1, self.give), (2, self.spy), (1, self.converse), (6, self.append), (2, self.reread), (1, self.recall),
            (1, self.forget), (1, self.collector.create), (2, self.collector.store), (4, self.collector.add),
            (2, self.collector.add_many), (1, self.collector.take_out), (2, self.collector.search),
            (1, self.collector.read), (1, self.collector.spy), (1, self.collector.drop),
        ]  # fmt: skip
        weights, actions = zip(*things, strict=True)
        while not self.is_over:
            await self.chance.choices(actions, weights)[0]()
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * pause_s)

    # Documents

    async def upload(self) -> None:
        """Upload a new document; every other time with an Idempotency-Key, repeated until the answer is known."""
        self._number += 1
        name = f"{self.tag}-{self._number}.txt"
        text = text_of(name, 1, self.chance.choice([1, 2, 3, 6, 40]), self.chance)
        document = Document(name=name, owners={self.user}, held={self.user}, digests={digest(text)})
        self.ledger.documents[name] = document
        answer = await self.once(
            "/documents", {"filename": name, "content": text, "metadata": {"name": name}}, uploads=1, bytes=len(text)
        )
        if answer.outcome == "acknowledged":
            document.acknowledged()
            document.id = answer.body["id"]
            self.documents.append(document)
        elif answer.outcome == "refused":
            document.gone()

    async def replace(self) -> None:
        """Upload a new version of a document."""
        document = self.own(lambda each: each.held == {self.user} and each.has_metadata)
        if document is None:
            return
        document.versions += 1
        text = text_of(document.name, document.versions, self.chance.choice([1, 3, 8]), self.chance)
        body = {
            "filename": document.name, "content": text, "on_conflict": "replace", "metadata": {"name": document.name},
        }  # fmt: skip
        document.digests.add(digest(text))
        answer = await self.once("/documents", body, uploads=1, bytes=len(text))
        if answer.outcome == "acknowledged":
            document.id = answer.body["id"]
            document.digests = {digest(text)}
        elif answer.outcome == "unknown":
            # One of the versions exists, but it is unknown which, so this document is no longer used.
            document.is_certain = False
            self.documents.remove(document)

    async def read(self) -> None:
        """Read an acknowledged document."""
        if document := self.own():
            answer = await self.call("GET", f"/documents/{document.id}")
            if answer.outcome == "acknowledged":
                found = answer.body["id"], answer.body["filename"]
                self.judge.expect(found == (document.id, document.name), f"{document.name} reads as {answer.body}")

    async def fetch(self) -> None:
        """Read the bytes of a document."""
        if document := self.own():
            answer = await self.call("GET", f"/documents/{document.id}/content")
            if answer.outcome == "acknowledged":
                known = digest(str(answer.body)) in document.digests
                self.judge.expect(known, f"the bytes of {document.name} are not those that were uploaded")

    async def delete(self) -> None:
        """Delete a document: by its id, or all versions of it by metadata."""
        document = self.own()
        if document is None:
            return
        self.documents.remove(document)
        if document.versions == 1 and (not document.has_metadata or self.chance.random() < 0.5):
            answer = await self.call("DELETE", f"/documents/{document.id}")
        else:
            answer = await self.call("POST", "/documents/delete", json={"metadata": {"name": document.name}})
        if answer.outcome == "acknowledged":
            document.gone()
        elif answer.outcome == "unknown":
            document.unknown()
        else:
            self.documents.append(document)

    async def give(self) -> None:
        """Transfer a document to another tenant, as the admin."""
        document = self.own(lambda each: each.versions == 1)
        others = [other for other in self.others if other.user != self.user]
        if document is None or not others:
            return
        receiver = self.chance.choice(others)
        self.documents.remove(document)
        document.owners.add(receiver.user)
        document.held.add(receiver.user)
        answer = await self.call(
            "POST", "/documents/transfer", self._admin_key, headers={"Cabinet-User": self.user},
            json={"document_ids": [document.id], "to_user": receiver.user},
        )  # fmt: skip
        if answer.outcome == "acknowledged":
            document.owners = {receiver.user}
            receiver.documents.append(document)
        elif answer.outcome == "refused":
            document.owners = {self.user}
            self.documents.append(document)
        else:
            document.is_certain = False

    async def retry(self, document_ids: list[str]) -> None:
        """Ingest failed documents again."""
        await self.call("POST", "/documents/retry", json={"document_ids": document_ids})

    async def spy(self) -> None:
        """Read another tenant's document, which must look like one that does not exist."""
        theirs = [each for other in self.others for each in other.documents if self.user not in each.held]
        if theirs:
            other = self.chance.choice(theirs)
            answer = await self.call("GET", f"/documents/{other.id}", refusals=frozenset({404}))
            is_foreign = answer.outcome == "acknowledged" and self.user not in other.held
            self.judge.expect(not is_foreign, f"a stranger reads {other.name}")

    async def search(self) -> None:
        """Search the documents."""
        answer = await self.call("POST", "/search", json={"query": question(self.chance), "limit": 20}, searches=1)
        if answer.outcome == "acknowledged":
            for result in answer.body["results"]:
                document = self.ledger.documents.get(result["filename"])
                is_own = document is not None and self.user in document.held
                self.judge.expect(is_own, f"{self.tag} finds {result['filename']}, which is not theirs")

    # Conversations

    async def converse(self) -> None:
        """Begin a conversation."""
        self._number += 1
        conversation = Conversation(user=self.user, title=f"{self.tag}-{self._number}")
        answer = await self.call("POST", "/conversations", json={"title": conversation.title})
        if answer.outcome == "acknowledged":
            conversation.acknowledged()
            conversation.id = answer.body["id"]
            self.ledger.conversations.append(conversation)
            self._conversations.append(conversation)

    async def append(self) -> None:
        """Append one to three messages, all or none."""
        if not self._conversations:
            await self.converse()
            return
        conversation = self.chance.choice(self._conversations)
        self._number += 1
        contents = tuple(
            f"{self.tag}-{self._number}/{part}: {question(self.chance)}" for part in range(self.chance.randint(1, 3))
        )
        batch = Batch(contents=contents)
        conversation.batches.append(batch)
        body = [{"role": "user", "content": content} for content in contents]
        answer = await self.once(f"/conversations/{conversation.id}/messages", body, messages=len(contents))
        if answer.outcome == "acknowledged":
            batch.acknowledged()
        elif answer.outcome == "refused":
            batch.gone()

    async def reread(self) -> None:
        """Read the newest messages that fit, and check the last acknowledged ones."""
        if not self._conversations:
            return
        conversation = self.chance.choice(self._conversations)
        known = [batch for batch in conversation.batches if batch.is_certain and batch.least]
        answer = await self.call("GET", f"/conversations/{conversation.id}/context?token_budget=100000")
        if answer.outcome == "acknowledged":
            found = {message["content"] for message in answer.body["data"]}
            for batch in known[-20:]:
                self.judge.expect(
                    found.issuperset(batch.contents), f"{batch.contents} were appended, and are not there"
                )

    async def recall(self) -> None:
        """Search the messages."""
        body = {"query": question(self.chance), "limit": 20}
        answer = await self.call("POST", "/conversations/search", json=body, searches=1)
        if answer.outcome == "acknowledged":
            for result in answer.body["results"]:
                is_own = result["content"].startswith(f"{self.tag}-")
                self.judge.expect(is_own, f"{self.tag} finds the message {result['content']}")

    async def forget(self) -> None:
        """Delete a conversation."""
        if len(self._conversations) < 2:
            return
        conversation = self.chance.choice(self._conversations)
        self._conversations.remove(conversation)
        answer = await self.call("DELETE", f"/conversations/{conversation.id}")
        if answer.outcome == "acknowledged":
            conversation.gone()
        elif answer.outcome == "unknown":
            conversation.unknown()

    # How requests are sent

    def own(self, suits: Callable[[Document], bool] = lambda _: True) -> Document | None:
        suitable = [document for document in self.documents if document.is_certain and suits(document)]
        return self.chance.choice(suitable) if suitable else None

    async def call(self, method: str, path: str, key: str = "", *, searches: int = 0, **options: Any) -> Answer:
        while (server := self._servers(self.chance)) is None:  # noqa: ASYNC110
            await asyncio.sleep(NO_SERVER_S)
        return await self.judge.call(
            server, method, path, key or self._key, user=self.user, searches=searches, **options
        )

    async def once(self, path: str, body: Any, **adds: int) -> Answer:
        """Send a request that must take effect once; every other time with a key, and then repeat it while the answer
        is unknown."""
        headers, repeats = {}, 0
        if self.chance.random() < 0.5:
            headers, repeats = {"Idempotency-Key": str(uuid.UUID(int=self.chance.getrandbits(128)))}, _REPEATS
        was_unknown = False
        while True:
            answer = await self.call("POST", path, json=body, headers=headers)
            was_unknown = was_unknown or answer.outcome == "unknown"
            if answer.outcome == "acknowledged" or not repeats:
                break
            repeats -= 1
            await asyncio.sleep(self.chance.uniform(0.3, 1.0))
        if answer.outcome == "refused" and was_unknown:
            answer.outcome = "unknown"
        self.count(answer, **adds)
        return answer

    def count(self, answer: Answer, **adds: int) -> None:
        """Record the usage of a request that stores something."""
        is_stored = {"acknowledged": True, "refused": False, "unknown": None}[answer.outcome]
        self.ledger.use(self.user, None, is_certain=False, is_stored=is_stored, **adds)
