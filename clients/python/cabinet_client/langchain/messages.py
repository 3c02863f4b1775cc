"""Converts messages between LangChain and Cabinet.

Roles, contents, tool calls and their answers are stored in Cabinet's own fields, so that all clients can read them.
Fields that only LangChain knows, such as the usage of a model, are in the message's metadata below `langchain`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from cabinet_client import bodies, models

_KEY = "langchain"
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "function"}
_CLASSES: Mapping[str, type[BaseMessage]] = {
    "user": HumanMessage,
    "assistant": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
}
# Fields that are stored elsewhere or are derived from others.
_STORED = {"type", "content", "tool_calls", "tool_call_id", "invalid_tool_calls", "role"}


def sent(message: BaseMessage) -> bodies.Message:
    """A message to append."""
    role = (
        message.role
        if isinstance(message, ChatMessage)
        else _ROLES.get(message.type.removesuffix("MessageChunk").lower(), "user")
    )
    body: bodies.Message = {"role": role, "content": _content(message.content)}
    if isinstance(message, AIMessage) and message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call["id"] or f"call_{number}",
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["args"])},
            }
            for number, call in enumerate(message.tool_calls)
        ]
        body["content"] = body["content"] or None
    if isinstance(message, ToolMessage):
        body["tool_call_id"] = message.tool_call_id
    rest = message.model_dump(mode="json", exclude=_STORED, exclude_defaults=True)
    if rest:
        body["metadata"] = {_KEY: rest}
    return body


def received(message: models.Message) -> BaseMessage:
    """A stored message."""
    fields: dict[str, Any] = {**message.metadata.get(_KEY, {}), "content": message.content or ""}
    fields.setdefault("id", str(message.id))
    if message.role not in _CLASSES:
        return ChatMessage(role=message.role, **fields)
    if message.role == "assistant" and message.tool_calls:
        fields["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.role == "tool":
        fields["tool_call_id"] = message.tool_call_id or ""
    if message.role == "function":
        fields.setdefault("name", message.name or "")
    return _CLASSES[message.role](**fields)


def _content(content: str | list[str | dict[Any, Any]]) -> str | list[dict[str, Any]]:
    """A content; a list of parts may contain texts, and an empty list is an empty text."""
    if isinstance(content, str):
        return content
    return [{"type": "text", "text": part} if isinstance(part, str) else part for part in content] or ""


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError:
        arguments = {}
    return {
        "name": function.get("name", ""),
        "args": arguments if isinstance(arguments, dict) else {},
        "id": call.get("id"),
        "type": "tool_call",
    }
