# Generated from ../_async/ by generate_sync.py: change that file instead.
"""Conversations and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Unpack

from cabinet_client import bodies, models
from cabinet_client._sync.pages import Pages
from cabinet_client._sync.resource import Resource
from cabinet_client.bodies import Id


class Conversations(Resource):
    """Conversations of the user, and their messages."""

    def create(self, **fields: Unpack[bodies.Conversation]) -> models.Conversation:
        """Start a conversation."""
        return self._request("POST", "/conversations", body=fields, returns=models.Conversation)

    def list(self, *, recent: int | None = None) -> Pages[models.Conversation]:
        """The conversations, newest first; `recent` includes the newest messages of each."""
        return Pages(self._client, "/conversations", {"recent": recent}, models.Conversation)

    def get(self, conversation_id: Id) -> models.Conversation:
        """One conversation."""
        return self._request("GET", f"/conversations/{conversation_id}", returns=models.Conversation)

    def update(self, conversation_id: Id, **fields: Unpack[bodies.Conversation]) -> models.Conversation:
        """Change a conversation; omitted fields keep their values."""
        return self._request(
            "PATCH", f"/conversations/{conversation_id}", body=fields, is_safe=True, returns=models.Conversation
        )

    def delete(self, conversation_id: Id) -> None:
        """Delete a conversation and its messages."""
        self._request("DELETE", f"/conversations/{conversation_id}", returns=type(None))

    def append(
        self, conversation_id: Id, *messages: bodies.Message, idempotency_key: str | None = None
    ) -> Sequence[models.Message]:
        """Append messages, all of them or none."""
        answer = self._request(
            "POST",
            f"/conversations/{conversation_id}/messages",
            body=messages,
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            returns=models.MessagesAppended,
        )
        return answer.data

    def get_message(self, conversation_id: Id, message_id: Id) -> models.Message:
        """One message."""
        return self._request(
            "GET", f"/conversations/{conversation_id}/messages/{message_id}", returns=models.Message
        )

    def update_message(
        self, conversation_id: Id, message_id: Id, **fields: Unpack[bodies.UpdateMessage]
    ) -> models.Message:
        """Change a message; omitted fields keep their values."""
        return self._request(
            "PATCH",
            f"/conversations/{conversation_id}/messages/{message_id}",
            body=fields,
            is_safe=True,
            returns=models.Message,
        )

    def delete_message(self, conversation_id: Id, message_id: Id) -> None:
        """Delete a message; its position is not used again."""
        self._request("DELETE", f"/conversations/{conversation_id}/messages/{message_id}", returns=type(None))

    def messages(self, conversation_id: Id) -> Pages[models.Message]:
        """The messages of a conversation, in order."""
        return Pages(self._client, f"/conversations/{conversation_id}/messages", {}, models.Message)

    def context(
        self, conversation_id: Id, token_budget: int = 3000, max_messages: int | None = None
    ) -> models.Context:
        """The newest messages that fit into a token budget, oldest first."""
        params = {"token_budget": token_budget} | ({} if max_messages is None else {"max_messages": max_messages})
        return self._request(
            "GET", f"/conversations/{conversation_id}/context", params=params, returns=models.Context
        )

    def turn(
        self,
        conversation_id: Id,
        query: str,
        /,
        *,
        token_budget: int = 3000,
        history_share: float | None = None,
        **search: Unpack[bodies.Search],
    ) -> models.Turn:
        """The messages and the chunks for the next turn that fit into a token budget."""
        body = {"query": query, "token_budget": token_budget, "search": search}
        if history_share is not None:
            body["history_share"] = history_share
        return self._request(
            "POST", f"/conversations/{conversation_id}/turn", body=body, is_safe=True, returns=models.Turn
        )

    def search(
        self, query: str | None = None, *, conversation_id: Id | None = None, **options: Unpack[bodies.SearchMessages]
    ) -> Sequence[models.FoundMessage]:
        """The best messages for a query, from one conversation or from all."""
        path = "/conversations/search" if conversation_id is None else f"/conversations/{conversation_id}/search"
        body = {"query": query, **options} if query is not None else options
        return (
            self._request("POST", path, body=body, is_safe=True, returns=models.MessageSearchResponse)
        ).results
