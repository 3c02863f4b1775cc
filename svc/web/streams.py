"""Streamed answers, which can take hours: they end when the key with which they were requested is revoked."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

from starlette.responses import Response, StreamingResponse


def end_with_key(response: Response, check: Callable[[], Awaitable[object]]) -> Response:
    """Make a streamed answer end early, which its client sees, once `check` raises an error; return the answer.

    `check` runs before each part, and costs nothing as long as the key is in the cache.
    """
    if isinstance(response, StreamingResponse):
        response.body_iterator = _checked(response.body_iterator, check)
    return response


async def _checked(
    parts: AsyncIterable[str | bytes | memoryview], check: Callable[[], Awaitable[object]]
) -> AsyncIterator[str | bytes | memoryview]:
    async for part in parts:
        await check()
        yield part
