"""Encodes the answers of routes as JSON: long lists in steps, between which other requests are served."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

_LISTS = ("data", "results")
# Encoded in about a millisecond.
_STEP_BYTES = 2**20


async def encode_answer(answer: Any) -> bytes:
    """Encode an answer as JSON. A list in `data` or `results` can have a thousand items of a megabyte."""
    for name in _LISTS:
        items = getattr(answer, name, None)
        if isinstance(items, list) and items:
            return msgspec.json.encode(msgspec.structs.replace(answer, **{name: await _encode_items(items)}))
    return msgspec.json.encode(answer)


async def _encode_items(items: list[Any]) -> list[msgspec.Raw]:
    encoded, size = [], 0
    for item in items:
        one = msgspec.json.encode(item)
        encoded.append(msgspec.Raw(one))
        size += len(one)
        if size > _STEP_BYTES:
            size = 0
            await asyncio.sleep(0)
    return encoded
