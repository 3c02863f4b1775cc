"""A conversation as a chat history in LangChain."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from cabinet_client import Cabinet
from cabinet_client.bodies import Id
from cabinet_client.langchain.messages import received, sent
from cabinet_client.texts import parts

_APPENDED_AT_ONCE = 500


class CabinetChatMessageHistory(BaseChatMessageHistory):
    """The messages of a conversation, a new one if none is given.

    `context` returns the newest messages that fit into a token budget, to send to a model.
    """

    def __init__(self, client: Cabinet, conversation_id: Id | None = None, title: str | None = None) -> None:
        self._client = client
        self.conversation_id = conversation_id or client.conversations.create(title=title).id

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """All messages, in order."""
        return [received(message) for message in self._client.conversations.messages(self.conversation_id)]

    def context(self, token_budget: int = 3000) -> list[BaseMessage]:
        """The newest messages that fit into a budget of tokens, oldest first."""
        context = self._client.conversations.context(self.conversation_id, token_budget)
        return [received(message) for message in context.data]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append messages."""
        for part in parts(messages, _APPENDED_AT_ONCE):
            self._client.conversations.append(self.conversation_id, *[sent(message) for message in part])

    def clear(self) -> None:
        """Delete all messages; the conversation stays."""
        ids = [message.id for message in self._client.conversations.messages(self.conversation_id)]
        for message_id in ids:
            self._client.conversations.delete_message(self.conversation_id, message_id)
