"""Lists of the service, page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, TypeVar

from cabinet_client import models
from cabinet_client._async.resource import Requests

T = TypeVar("T")
_PAGE_ROWS = 100


class AsyncPages(Generic[T]):
    """A list of the service: iterate over its rows, or over its pages with `pages()`; each page is one request."""

    def __init__(self, client: Requests, path: str, params: Mapping[str, Any], row: type[T]) -> None:
        self._client, self._path, self._row = client, path, row
        self._params = {"limit": _PAGE_ROWS, **{name: value for name, value in params.items() if value is not None}}

    async def pages(self) -> AsyncIterator[list[T]]:
        """Yield the rows page by page."""
        params = dict(self._params)
        while True:
            page = await self._client.request("GET", self._path, params=params, returns=models.Page[self._row])  # type: ignore[name-defined]
            yield page.data
            if page.next is None:
                return
            params["after"] = page.next

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield the rows of all pages."""
        async for rows in self.pages():
            for row in rows:
                yield row
