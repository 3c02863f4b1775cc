"""The demo's steps. Each demonstrates one feature over HTTP and checks the claim."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

from svc.demo.client import Account, Answer
from svc.demo.samples import harbour_samples, observatory_samples, project_documents
from svc.demo.screen import Screen, snippet
from svc.demo.uploads import Document, upload_all

QUESTION_TO_PDF = "How much warmer than the air may the mirror be when the dome is opened?"
QUESTION_TO_BOTH = "When are visitors welcome, and what does a ticket cost?"
QUESTION_TO_PROJECT = "What happens to a document when the lease of its worker runs out?"
QUESTION_IN_CONVERSATION = "The dome was opened two hours late: was the mirror too warm?"
# Written by hand, from the two sources that it cites: the service has no language model.
ANSWER = (
    "Yes. The fans had tripped their fuse, so at dusk the mirror was still three degrees warmer than the air [1]; "
    "the manual allows less than one degree [2]."
)


class Tour:
    """One run of the demo against the service at `url`."""

    def __init__(self, url: str, admin_key: str, screen: Screen) -> None:
        self._url = url
        self._admin_key = admin_key
        self._screen = screen
        self._accounts = AsyncExitStack()
        self._project = project_documents()
        self.ada: Account
        self.grace: Account

    async def run(self) -> None:
        """All steps in turn.

        Raises:
            DemoFailedError: a claim is false.
        """
        async with self._accounts:
            admin = self._account(self._admin_key)
            await self._users(admin)
            documents = await self._documents()
            await self._searches()
            await self._conversation()
            await self._walls(documents)
            await self._cost()
            await self._deletion(admin)

    def _account(self, key: str, name: str = "", user_id: str = "") -> Account:
        account = Account(self._url, key, name, user_id)
        self._accounts.push_async_callback(account.close)
        return account

    async def _users(self, admin: Account) -> None:
        readiness = await admin.call("GET", "/health/ready", expect=[200, 503])
        self._screen.step("Two users", "The admin creates them; each gets an API key, and only its SHA-256 is stored.")
        self.ada, ada = await self._new_user(admin, "Ada", "the observatory's")
        self.grace, grace = await self._new_user(admin, "Grace", "the harbour's")
        self._screen.table(
            ["user", "email", "API key"],
            [(made["user"]["name"], made["user"]["email"], f"{made['api_key'][:12]}…") for made in (ada, grace)],
        )
        self._screen.check("database, migrations and worker are ready", readiness.body["ready"], readiness.body)

    async def _new_user(self, admin: Account, name: str, whose: str) -> tuple[Account, dict[str, Any]]:
        # A different address for each run: the data folder may be one that was used before.
        email = f"{name.lower()}-{uuid4().hex[:6]}@example.com"
        made = await admin.call("POST", "/users", json={"email": email, "name": f"{name}, {whose}"}, expect=[201])
        return self._account(made.body["api_key"], name, made.body["user"]["id"]), made.body

    async def _documents(self) -> dict[Account, list[Document]]:
        samples = {self.ada: [*observatory_samples(), *self._project], self.grace: harbour_samples()}
        self._screen.step(
            "Their documents",
            "An upload answers immediately; a worker reads it in a sandbox, and splits, embeds and stores it."
            + (" Ada also uploads this project's own README and docs." if self._project else ""),
        )
        started = time.perf_counter()
        documents = await upload_all(self._screen, samples)
        seconds = time.perf_counter() - started
        rows = [
            (account.name, document["filename"], document["file_type"], document["file_size"], document["chunk_count"])
            for account, owned in documents.items()
            for document in owned
        ]
        self._screen.table(["owner", "document", "type", "#bytes", "#chunks"], rows)
        chunks = sum(row[-1] for row in rows)
        self._screen.check(
            f"{len(rows)} documents (PDF, HTML, Markdown, CSV) became {chunks} chunks in {seconds:.1f} s",
            {"pdf", "html", "markdown", "csv"} <= {row[2] for row in rows} and all(row[-1] > 0 for row in rows),
            rows,
        )
        return documents

    async def _searches(self) -> None:
        self._screen.step(
            "Search by meaning and by words",
            "The question is embedded; one SQL statement finds the nearest of the user's own chunks and those with its "
            "rare words, and orders them by both.",
        )
        await self._search(self.ada, QUESTION_TO_PDF, "observatory-manual.pdf", "less than one degree")
        adas = await self._search(self.ada, QUESTION_TO_BOTH, "observatory-visitors.html", "12 euros")
        graces = await self._search(self.grace, QUESTION_TO_BOTH, "harbour-visitors.html", "4 euros")
        self._screen.check("the same question found each user's own answer", adas.isdisjoint(graces), adas & graces)
        if self._project:
            found = (await self.ada.search(QUESTION_TO_PROJECT, limit=2)).body["results"]
            self._screen.results(self.ada.name, QUESTION_TO_PROJECT, found)
            names = {sample.filename for sample in self._project}
            self._screen.check("the project's own documents answer it", found[0]["filename"] in names, found[0])

    async def _search(self, account: Account, question: str, filename: str, phrase: str) -> set[str]:
        """Search, and check that the best chunk is of this file and says this; the chunks found."""
        found = (await account.search(question)).body["results"]
        self._screen.results(account.name, question, found)
        self._screen.check(
            f"the best answer is in {filename}: “{phrase}”",
            bool(found) and found[0]["filename"] == filename and phrase in " ".join(found[0]["content"].split()),
            found,
        )
        return {result["chunk_id"] for result in found}

    async def _conversation(self) -> None:
        self._screen.step(
            "A conversation that cites its sources",
            "Your application asks its language model with the chunks found; Cabinet stores the messages and the "
            "sources of the answer. (There is no model here: the answer below is part of the demo.)",
        )
        found = (await self.ada.search(QUESTION_IN_CONVERSATION, limit=2)).body["results"]
        cited = sorted(found, key=lambda result: str(result["filename"]), reverse=True)
        about = {"title": "The night of 12 March", "document_ids": [result["document_id"] for result in cited]}
        conversation = await self.ada.call("POST", "/conversations", json=about, expect=[201])
        path = f"/conversations/{conversation.body['id']}/messages"
        question = {"role": "user", "content": QUESTION_IN_CONVERSATION}
        answer = {"role": "assistant", "content": ANSWER, "sources": [result["chunk_id"] for result in cited]}
        await self.ada.call("POST", path, json=[question, answer], expect=[201])
        messages = (await self.ada.call("GET", path)).body["data"]
        self._show(messages)
        sources = messages[-1]["sources"]
        self._screen.check(
            "both sources are stored with the answer, word for word as they were found",
            [source["content"] for source in sources] == [result["content"] for result in cited]
            and [source["filename"] for source in sources] == ["observatory-night-log.md", "observatory-manual.pdf"],
            sources,
        )

    def _show(self, messages: Sequence[dict[str, Any]]) -> None:
        for message in messages:
            self._screen.line(f"\n{message['role']}: {message['content']}", "bold" if message["role"] == "user" else "")
            for number, source in enumerate(message["sources"], start=1):
                quote = snippet(source["content"], message["content"])
                place = f"[{number}] {source['filename']}, chunk {source['chunk_index']}"
                self._screen.line(f"{place}: {quote}", "dim", indent=4)
        self._screen.line("")

    async def _walls(self, documents: dict[Account, list[Document]]) -> None:
        self._screen.step(
            "Walls between users",
            "Grace requests Ada's document by its id and one that never existed, and searches for Ada's words.",
        )
        adas, never = documents[self.ada][0]["id"], str(uuid4())
        seen = await self.grace.call("GET", f"/documents/{adas}", expect=[200, 404])
        unseen = await self.grace.call("GET", f"/documents/{never}", expect=[404])
        self._screen.table(
            ["Grace asks for", "#status", "answer"],
            [
                (f"/documents/{adas} (Ada's)", seen.status, seen.body.get("detail")),
                (f"/documents/{never} (nobody's)", unseen.status, unseen.body.get("detail")),
            ],
        )
        self._screen.check(
            "another user's document answers exactly as one that never existed",
            _without_request_id(seen) == _without_request_id(unseen),
            (seen.body, unseen.body),
        )
        own = {document["id"] for document in documents[self.grace]}
        found = {result["document_id"] for result in (await self.grace.search(QUESTION_TO_PDF, 100)).body["results"]}
        self._screen.check("a search for Ada's text finds only Grace's own documents", found == own, found - own)
        named = (await self.grace.search(QUESTION_TO_PDF, document_ids=[adas])).body["results"]
        self._screen.check("a search limited to Ada's document finds nothing", named == [], named)

    async def _cost(self) -> None:
        self._screen.step(
            "The cost of a search in the database", "Every answer reports it in its header Server-Timing."
        )
        # A checked key is cached for a few seconds; afterwards, checking it takes another statement.
        answers = [await self.ada.search(QUESTION_TO_PDF) for _ in range(5)]
        best = min(answers, key=lambda answer: (answer.statements, answer.milliseconds))
        self._screen.line(f"\nPOST /search → Server-Timing: {best.server_timing}\n", indent=2)
        self._screen.check(
            f"a search is one statement, {best.milliseconds:.1f} ms: sql/search/hybrid_{best.body['lane']}.sql",
            best.statements == 1,
            best.server_timing,
        )

    async def _deletion(self, admin: Account) -> None:
        self._screen.step("Gone is gone", "The admin erases Grace and all her data; the answer counts the rows.")
        deleted = await admin.call("DELETE", f"/users/{self.grace.user_id}", expect=[200])
        went = ", ".join(f"{count} {table}" for table, count in deleted.body["rows"].items() if count)
        self._screen.line(f"\nDELETE /users/{self.grace.user_id} → {went}\n", indent=2)
        refused = await self.grace.call("GET", "/documents", expect=[200, 401])
        self._screen.check("her key no longer works", refused.status == 401, refused.body)
        left = await self.ada.call("GET", "/documents", params={"limit": 100})
        self._screen.check("all of Ada's documents still exist", len(left.body["data"]) == 3 + len(self._project))


def _without_request_id(answer: Answer) -> tuple[int, dict[str, Any]]:
    return answer.status, {name: value for name, value in answer.body.items() if name != "request_id"}
