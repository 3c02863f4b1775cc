"""Keeps tool calls and their answers together when a context is cut to a budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from svc.database import rows as r
from svc.fields.chat import ANSWERS

R = TypeVar("R", bound=r.MessagesList)

_INSTRUCTIONS = frozenset({"system", "developer"})


def whole_exchanges(rows: Sequence[R], *, is_cut: bool) -> list[R]:
    """Return the messages without the answers whose call does not precede them.

    An answer with a `tool_call_id` belongs to the call with this id. An answer without one belongs to the preceding
    message; if the conversation begins earlier (`is_cut`), such answers at the beginning are omitted.
    """
    kept: list[R] = []
    calls: set[str] = set()
    is_begun = not is_cut
    for row in rows:
        if row.role in ANSWERS and not (row.tool_call_id in calls if row.tool_call_id is not None else is_begun):
            continue
        kept.append(row)
        # An imported message can contain calls that the API does not accept.
        calls.update(str(call["id"]) for call in row.tool_calls or () if isinstance(call, dict) and "id" in call)
        is_begun = is_begun or row.role not in _INSTRUCTIONS
    return kept
