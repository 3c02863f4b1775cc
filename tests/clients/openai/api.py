"""Both clients of the SDK with the same form of calls, so that each check is written once.

`await api.files.create(…)` and `async for file in api.files.list()` work with both. The synchronous client runs in the
thread of the test, since the server is a separate process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import Any

import openai

Client = openai.OpenAI | openai.AsyncOpenAI


class Api:
    """A resource of a client, or the client. The attributes are those of the SDK."""

    def __init__(self, target: Any, is_async: bool) -> None:
        self._target = target
        self.is_async = is_async

    def __getattr__(self, name: str) -> Api:
        return Api(getattr(self._target, name), self.is_async)

    def __call__(self, *arguments: Any, **options: Any) -> Answer:
        return Answer(self._target, arguments, options, self.is_async)


class Answer:
    """A call that happens when its answer is awaited, or iterated over page by page."""

    def __init__(self, method: Any, arguments: tuple[Any, ...], options: dict[str, Any], is_async: bool) -> None:
        self._method, self._arguments, self._options, self._is_async = method, arguments, options, is_async

    def __await__(self) -> Generator[Any, None, Any]:
        return self._answer().__await__()

    async def _answer(self) -> Any:
        result = self._method(*self._arguments, **self._options)
        return await result if self._is_async else result

    async def __aiter__(self) -> AsyncIterator[Any]:
        result = self._method(*self._arguments, **self._options)
        if self._is_async:
            async for item in result:
                yield item
        else:
            for item in result:
                yield item


async def collected(answer: Answer) -> list[Any]:
    """Every item of every page of a list."""
    return [item async for item in answer]
