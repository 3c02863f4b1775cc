"""A state machine of two users of one service: no request of one reads or changes data of the other.

Each step is a request of one user with ids of either. The model knows the owner of each object; it is compared with
every answer, and with everything that both users have at the end.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

SIDES = st.integers(0, 1)
CHOICE = st.integers(0, 1_000_000)
WORDS = st.lists(st.sampled_from(["moon", "tide", "berth", "ledger", "observatory", "rain"]), min_size=1, max_size=6)


@dataclass
class User:
    """One user: the texts that the other must never see, and the user's objects in the model."""

    key: str
    marker: str
    documents: set[str] = field(default_factory=set)
    conversations: dict[str, int] = field(default_factory=dict)
    collections: set[str] = field(default_factory=set)
    batches: dict[str, str] = field(default_factory=dict)

    def owned(self, kind: str) -> set[str]:
        """Return the ids of one kind."""
        return {"documents": self.documents, "collections": self.collections}.get(kind, set(self.conversations))

    def secrets(self) -> list[str]:
        """Return the texts that the other user must not see: the marker, and all ids in both forms."""
        ids = [*self.documents, *self.conversations, *self.collections, *self.batches]
        return [self.marker, *ids, *(UUID(id_).hex for id_ in ids)]


class TwoUsers(RuleBasedStateMachine):
    """The machine. `operations` counts the requests of all machines by kind."""

    operations: ClassVar[Counter[str]] = Counter()

    def __init__(self, client: httpx.Client, admin_key: str) -> None:
        super().__init__()
        self.client = client
        self.admin_key = admin_key
        self.users: list[User] = []

    @initialize()
    def begin(self) -> None:
        """Create both users."""
        for _ in range(2):
            marker = f"marker{uuid4().hex}"
            headers = {"Authorization": f"Bearer {self.admin_key}"}
            made = self.client.post("/users", json={"email": f"{marker}@example.org"}, headers=headers)
            assert made.status_code == 201, made.text
            self.users.append(User(made.json()["api_key"], marker))
        for side in (0, 1):
            self.store(side, ["first"], "new")
            self.talk(side, [])

    def store(self, side: int, words: list[str], on_conflict: str) -> None:
        """Upload a text. All names are the same, so that `replace` finds those of the other user."""
        user = self.users[side]
        body = {
            "filename": "same.txt", "content": f"{user.marker} {' '.join(words)}",
            "metadata": {"kind": "note", "owner": user.marker}, "on_conflict": on_conflict,
        }  # fmt: skip
        user.documents.add(self.send(side, "POST", "/documents", 202, json=body)["id"])

    def talk(self, side: int, document_ids: list[str]) -> None:
        """Create a conversation about documents of either user."""
        user = self.users[side]
        body = {"title": user.marker, "document_ids": document_ids}
        statuses = (201, 422) if {*document_ids} <= user.documents else (422,)
        made = self.send(side, "POST", "/conversations", *statuses, json=body)
        if "id" in made:
            user.conversations[made["id"]] = 0

    def send(self, side: int, method: str, path: str, *statuses: int, **options: Any) -> Any:
        """Send a request of one user. The answer must have one of the statuses, and nothing of the other user."""
        user, other = self.users[side], self.users[1 - side]
        headers = {"Authorization": f"Bearer {user.key}"}
        answer = self.client.request(method, path, headers=headers, **options)
        name = f"{method} {path.partition('?')[0].split('/')[1]} {answer.status_code}"
        TwoUsers.operations[name] += 1
        assert answer.status_code in statuses, f"{method} {path}: {answer.status_code} {answer.text}"
        sent = path + json.dumps(options.get("json", ""))
        seen = [one for one in other.secrets() if one in answer.text and one not in sent]
        assert not seen, f"{method} {path} shows {seen}: {answer.text}"
        is_json = answer.headers.get("content-type") in ("application/json", "application/problem+json")
        return answer.json() if is_json else answer.text

    def some(self, kind: str, side: int, choice: int) -> str:
        """Return an id: mostly of the other user, otherwise of the user, and rarely one that does not exist."""
        known = sorted(self.users[side if choice % 3 == 0 else 1 - side].owned(kind))
        return known[choice % len(known)] if known and choice % 10 else str(uuid4())

    @rule(side=SIDES, words=WORDS, on_conflict=st.sampled_from(["new", "replace"]))
    def upload(self, side: int, words: list[str], on_conflict: str) -> None:
        """Upload a text."""
        self.store(side, words, on_conflict)

    @rule(side=SIDES, choice=CHOICE, is_scoped=st.booleans())
    def converse(self, side: int, choice: int, is_scoped: bool) -> None:
        """Create a conversation, perhaps about a document of either user."""
        self.talk(side, [self.some("documents", side, choice)] if is_scoped else [])

    @rule(side=SIDES, choice=CHOICE, words=WORDS)
    def say(self, side: int, choice: int, words: list[str]) -> None:
        """Append a message to a conversation of either user."""
        user, conversation = self.users[side], self.some("conversations", side, choice)
        body = {"role": "user", "content": f"{user.marker} {' '.join(words)}"}
        is_own = conversation in user.conversations
        self.send(side, "POST", f"/conversations/{conversation}/messages", 201 if is_own else 404, json=body)
        if is_own:
            user.conversations[conversation] += 1

    @rule(side=SIDES, choice=CHOICE)
    def read_document(self, side: int, choice: int) -> None:
        """Read all of a document of either user."""
        document = self.some("documents", side, choice)
        # A document that another upload replaces is deleted when that one is ready.
        statuses = (200, 404) if document in self.users[side].documents else (404,)
        for part in ("", "/content", "/chunks"):
            self.send(side, "GET", f"/documents/{document}{part}", *statuses)

    @rule(side=SIDES, choice=CHOICE)
    def read_conversation(self, side: int, choice: int) -> None:
        """Read all of a conversation of either user."""
        conversation = self.some("conversations", side, choice)
        status = 200 if conversation in self.users[side].conversations else 404
        for part in ("", "/messages", "/context"):
            self.send(side, "GET", f"/conversations/{conversation}{part}", status)

    @rule(side=SIDES, choice=CHOICE)
    def change_document(self, side: int, choice: int) -> None:
        """Change a document of either user."""
        document = self.some("documents", side, choice)
        statuses = (200, 404) if document in self.users[side].documents else (404,)
        body = {"metadata": {"kind": "changed", "owner": self.users[side].marker}}
        self.send(side, "PATCH", f"/documents/{document}", *statuses, json=body)

    @rule(side=SIDES, choice=CHOICE)
    def change_conversation(self, side: int, choice: int) -> None:
        """Change a conversation of either user."""
        conversation = self.some("conversations", side, choice)
        status = 200 if conversation in self.users[side].conversations else 404
        self.send(side, "PATCH", f"/conversations/{conversation}", status, json={"title": self.users[side].marker})

    @rule(side=SIDES, choice=CHOICE, kind=st.sampled_from(["documents", "conversations"]))
    @precondition(lambda self: any(len(user.documents) > 3 for user in self.users))
    def delete(self, side: int, choice: int, kind: str) -> None:
        """Delete a document or a conversation of either user."""
        id_, user = self.some(kind, side, choice), self.users[side]
        self.send(side, "DELETE", f"/{kind}/{id_}", *((204, 404) if id_ in user.owned(kind) else (404,)))
        user.documents.discard(id_)
        user.conversations.pop(id_, None)

    @rule(side=SIDES, choices=st.lists(CHOICE, max_size=5), route=st.sampled_from(["metadata", "retry", "delete"]))
    def change_many(self, side: int, choices: list[int], route: str) -> None:
        """Change documents of both users at once."""
        ids, user = [self.some("documents", side, choice) for choice in choices], self.users[side]
        body: dict[str, Any] = {"document_ids": ids}
        body |= {"patch": {"kind": "patched"}} if route == "metadata" else {}
        counts = self.send(side, "POST", f"/documents/{route}", 202 if route == "retry" else 200, json=body)
        changed = next(value for name, value in counts.items() if name != "more")
        assert changed <= len({*ids} & user.documents), counts
        if route == "delete":
            user.documents -= {*ids}

    @rule(side=SIDES, selection=st.sampled_from([{"all": True}, {"metadata": {"kind": "note"}}, {"status": "error"}]))
    @precondition(lambda self: sum(len(user.documents) for user in self.users) > 8)
    def delete_selected(self, side: int, selection: dict[str, Any]) -> None:
        """Delete what a selection finds, which is in part what the other user's documents have too."""
        self.send(side, "POST", "/documents/delete", 200, json=selection)
        user = self.users[side]
        user.documents &= {one["id"] for one in self.everything(side, "/documents")}

    @rule(side=SIDES, words=WORDS, choice=CHOICE, how=st.sampled_from(["", "documents", "conversation", "metadata"]))
    def search(self, side: int, words: list[str], choice: int, how: str) -> None:
        """Search with the marker of the other user and filters that name the other's objects."""
        other = self.users[1 - side]
        body: dict[str, Any] = {"query": " ".join([other.marker, *words]), "limit": 100}
        document, conversation = self.some("documents", side, choice), self.some("conversations", side, choice)
        if how == "documents":
            body["document_ids"] = [document]
        if how == "conversation":
            body["conversation_id"] = conversation
        body |= {"metadata": {"owner": other.marker}} if how == "metadata" else {}
        is_foreign = how == "conversation" and conversation not in self.users[side].conversations
        found = self.send(side, "POST", "/search", 422 if is_foreign else 200, json=body)
        if not is_foreign:
            assert all(one["document_id"] in self.users[side].documents for one in found["results"]), found
            assert how != "metadata" or found["results"] == []

    @rule(side=SIDES, words=WORDS, choice=CHOICE, is_all=st.booleans())
    def search_messages(self, side: int, words: list[str], choice: int, is_all: bool) -> None:
        """Search the messages of all conversations, or of one of either user."""
        conversation = self.some("conversations", side, choice)
        path = "/conversations/search" if is_all else f"/conversations/{conversation}/search"
        is_own = is_all or conversation in self.users[side].conversations
        self.send(side, "POST", path, 200 if is_own else 404, json={"query": " ".join(words), "limit": 100})

    @rule(side=SIDES)
    def export(self, side: int) -> None:
        """Export everything."""
        lines = self.send(side, "GET", "/me/export", 200).splitlines()
        assert json.loads(lines[-1])["line"] == "end"

    @invariant()
    def the_counts_agree(self) -> None:
        """Check that no data was lost through the other user: the numbers of messages equal those of the model."""
        if len(self.users) == 2 and sum(len(user.conversations) for user in self.users) % 5 == 4:
            for side in (0, 1):
                listed = {one["id"]: one["message_count"] for one in self.everything(side, "/conversations")}
                assert listed == self.users[side].conversations

    def everything(self, side: int, path: str) -> list[dict[str, Any]]:
        """Return all items of a list."""
        items, after = [], ""
        while True:
            found = self.send(side, "GET", f"{path}?limit=100{after}", 200)
            items += found["data"]
            if found["next"] is None:
                return items
            after = f"&after={found['next']}"

    def teardown(self) -> None:
        """Compare everything that both have with the model, and delete both users."""
        for side, user in enumerate(self.users):
            # Replaced documents may no longer exist.
            assert {one["id"] for one in self.everything(side, "/documents")} <= user.documents
            listed = {one["id"]: one["message_count"] for one in self.everything(side, "/conversations")}
            assert listed == user.conversations
        for user in self.users:
            me = self.client.get("/me", headers={"Authorization": f"Bearer {user.key}"}).json()["id"]
            self.client.delete(f"/users/{me}", headers={"Authorization": f"Bearer {self.admin_key}"})


def run_machine(
    kind: type[TwoUsers], client: httpx.Client, admin_key: str, number: int, examples: int, steps: int
) -> None:
    """Run this many machines of a kind, of up to `steps` requests each. `number` is the seed.

    Raises:
        AssertionError: an answer is wrong; the steps that lead to it are printed.
    """

    class Machine(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__(client, admin_key)

    run_state_machine_as_test(
        seed(number)(Machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
