"""The reads, with a repository for each entity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bench.seed_stack.models import Conversation, Document, DocumentChunk, Message, User


class UserRepository:
    """Users."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get_by_id(self, user_id: str) -> User | None:
        """One user."""
        result = await self.session.execute(user_by_id(user_id))
        return result.scalar_one_or_none()


class DocumentRepository:
    """Documents."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def recent(self, user_id: str, limit: int) -> Sequence[Document]:
        """The documents of a user that are ready, newest first."""
        result = await self.session.execute(recent_documents(user_id, limit))
        return result.scalars().all()


class MessageRepository:
    """Messages."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def recent(self, conversation_id: str, limit: int) -> Sequence[Message]:
        """The newest messages of a conversation, newest first."""
        result = await self.session.execute(recent_messages(conversation_id, limit))
        return result.scalars().all()


class ConversationRepository:
    """Conversations with all of their messages; the selection happens in Python."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def with_messages_one_by_one(self, user_id: str, limit: int) -> list[tuple[Conversation, Sequence[Message]]]:
        """The conversations of a user, then the messages of each with a separate query."""
        conversations = (await self.session.execute(conversations_of_user(user_id, limit))).scalars().all()
        return [(conversation, await self.messages(str(conversation.id))) for conversation in conversations]

    async def with_messages(self, user_id: str, limit: int) -> list[tuple[Conversation, Sequence[Message]]]:
        """The same in two queries."""
        statement = conversations_of_user(user_id, limit).options(selectinload(Conversation.messages))
        conversations = (await self.session.execute(statement)).scalars().all()
        return [
            (conversation, sorted(conversation.messages, key=lambda message: message.created_at))
            for conversation in conversations
        ]

    async def messages(self, conversation_id: str) -> Sequence[Message]:
        """The messages of a conversation, oldest first."""
        return (await self.session.execute(messages_of_conversation(conversation_id))).scalars().all()


class SearchRepository:
    """The chunks, by meaning."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def search(self, user_id: str, embedding: list[float], limit: int) -> list[dict[str, Any]]:
        """The chunks of a user most similar to a vector."""
        result = await self.session.execute(similar_chunks(user_id, embedding, limit))
        return [
            {
                "content": row.DocumentChunk.content,
                "document": row.filename,
                "similarity": float(row.similarity),
            }
            for row in result.all()
        ]


def user_by_id(user_id: str) -> Select[User]:
    """The statement of `UserRepository.get_by_id`."""
    return select(User).where(User.id == user_id)


def recent_documents(user_id: str, limit: int) -> Select[Document]:
    """The statement of `DocumentRepository.recent`."""
    return (
        select(Document)
        .where(Document.user_id == user_id)
        .where(Document.status == "ready")
        .order_by(Document.created_at.desc())
        .limit(limit)
    )


def recent_messages(conversation_id: str, limit: int) -> Select[Message]:
    """The statement of `MessageRepository.recent`."""
    return (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.created_at.desc())
        .limit(limit)
    )


def conversations_of_user(user_id: str, limit: int) -> Select[Conversation]:
    """The conversations of a user, newest first."""
    return (
        select(Conversation)
        .where(Conversation.user_id == user_id)
        .order_by(Conversation.created_at.desc())
        .limit(limit)
    )  # fmt: skip


def messages_of_conversation(conversation_id: str) -> Select[Message]:
    """The statement of `ConversationRepository.messages`."""
    return select(Message).where(Message.conversation_id == conversation_id).order_by(Message.created_at)


def similar_chunks(user_id: str, embedding: list[float], limit: int) -> Select[Any]:
    """The statement of `SearchRepository.search`: ordered by 1 - distance, which no index supports."""
    similarity = 1 - DocumentChunk.embedding.cosine_distance(embedding)
    return (
        select(DocumentChunk, Document.filename, similarity.label("similarity"))
        .join(Document)
        .where(Document.user_id == user_id)
        .where(Document.status == "ready")
        .order_by(similarity.desc())
        .limit(limit)
    )
