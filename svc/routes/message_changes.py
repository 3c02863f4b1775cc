"""Reading, changing and deleting one message: `sql/messages/`.

A change first locks the conversation, so that a worker that has read the old text cannot store its vectors.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import ConflictError, NotFoundError
from svc.fields.chat import Content, Role, Speaker, ToolCalls, counted_text, text_of
from svc.fields.values import Metadata
from svc.ingest.tokens import count_tokens_aside
from svc.routes.new_messages import AppendMessage, TokenCount, check_messages
from svc.routes.stored_messages import Message, mark_messages, message_of
from svc.vectors.texts import metadata_words
from svc.web.conditions import unchanged
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("messages")

# Attempts to change a message that others change at the same time.
_ATTEMPTS = 3


class UpdateMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields to change. Omitted fields keep their values; null removes the content, the calls or the name.

    `metadata` is replaced as a whole. If the content or the calls change, Cabinet counts the tokens again, unless you
    send your own `token_count`.
    """

    content: Content | UnsetType | None = UNSET
    tool_calls: ToolCalls | UnsetType | None = UNSET
    name: Speaker | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET
    token_count: TokenCount | UnsetType = UNSET


@routes.get("/conversations/{conversation_id}/messages/{message_id}", errors=(404,), tagged=True)
async def get_message(call: Call) -> Message:
    """Get one message."""
    database = call.services.database
    return await _message(database, call)


@routes.patch(
    "/conversations/{conversation_id}/messages/{message_id}",
    errors=(404, 409),
    body_bytes=None,
    tagged=True,
    example={"content": "384,400 km.", "metadata": {"rating": "good"}},
)
async def update_message(call: Call, body: UpdateMessage) -> Message:
    """Change the content, the calls, the name, the metadata or the count of tokens of a message.

    The role, the position and the sources stay. A message with a new text or speaker is embedded again.
    """
    database, tenant = call.services.database, call.principal.tenant
    for _ in range(_ATTEMPTS):
        seen = await _read(database, call)
        changed = await _changed(seen, body)
        async with unchanged(call, lambda queries: _held(queries, call), in_transaction=True) as transaction:
            await transaction.exec("conversations/hold", user_id=tenant, conversation_id=seen.conversation_id)
            row = await transaction.one(
                "messages/update",
                user_id=tenant,
                conversation_id=seen.conversation_id,
                position=seen.position,
                content=text_of(changed.content),
                parts=changed.content if isinstance(changed.content, list) else None,
                tool_calls=changed.tool_calls,
                name=changed.name,
                metadata=changed.metadata,
                token_count=changed.token_count or 0,
                has_new_text=_compared(changed) != (seen.content, seen.name, metadata_words(seen.metadata)),
                embed=call.services.settings.embed_messages,
                seen=seen.edited_at,
            )
        if row is not None:
            call.services.note_messages()
            await mark_messages(database, tenant, [row])
            return message_of(row)
    raise ConflictError("other requests change this message at the same time; send the request again")


@routes.delete("/conversations/{conversation_id}/messages/{message_id}", errors=(404,), tagged=True)
async def delete_message(call: Call) -> None:
    """Delete a message. Its position is not assigned again."""
    tenant, conversation_id, message_id = _place(call)
    async with unchanged(call, lambda queries: _held(queries, call), in_transaction=True) as transaction:
        await transaction.exec("conversations/hold", user_id=tenant, conversation_id=conversation_id)
        position = await transaction.value(
            "messages/delete", user_id=tenant, conversation_id=conversation_id, message_id=message_id
        )
    if position is None:
        raise _not_found()


def _place(call: Call) -> tuple[UUID, UUID, UUID]:
    conversation_id = call.path_id("conversation_id", "message")
    return call.principal.tenant, conversation_id, call.path_id("message_id", "message")


def _compared(message: AppendMessage) -> tuple[str | None, str | None, list[str]]:
    """The parts of a changed message that searches compare; its timestamp stays."""
    return text_of(message.content), message.name, metadata_words(message.metadata)


def _not_found() -> NotFoundError:
    return NotFoundError("there is no such message")


async def _held(queries: Queries, call: Call) -> Message:
    """Lock the conversation of a message and return the message."""
    tenant, conversation_id, _ = _place(call)
    await queries.exec("conversations/hold", user_id=tenant, conversation_id=conversation_id)
    return await _message(queries, call)


async def _message(queries: Queries, call: Call) -> Message:
    row = await _read(queries, call)
    await mark_messages(queries, call.principal.tenant, [row])
    return message_of(row)


async def _read(queries: Queries, call: Call) -> r.MessagesList:
    tenant, conversation_id, message_id = _place(call)
    row = await queries.one(
        "messages/get", user_id=tenant, conversation_id=conversation_id, message_id=message_id
    )  # fmt: skip
    if row is None:
        raise _not_found()
    return row


async def _changed(seen: r.MessagesList, body: UpdateMessage) -> AppendMessage:
    """Return the message after the change, with its count of tokens.

    Raises:
        InvalidFieldsError: names every wrong field.
    """
    before: dict[str, Any] = {
        "content": seen.content if seen.parts is None else seen.parts,
        "tool_calls": seen.tool_calls,
        "name": seen.name,
        "metadata": seen.metadata,
        "token_count": seen.token_count,
    }
    given = {name: value for name in before if (value := getattr(body, name)) is not UNSET}
    changed = AppendMessage(role=cast(Role, seen.role), tool_call_id=seen.tool_call_id, **{**before, **given})
    await check_messages([changed], is_list=False)
    if "token_count" in given or not {"content", "tool_calls"} & given.keys():
        return changed
    token_count = await count_tokens_aside(counted_text(text_of(changed.content), changed.tool_calls))
    return msgspec.structs.replace(changed, token_count=token_count)
