# Generated from ../_async/ by generate_sync.py: change that file instead.
"""Lists of the service, page after page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from cabinet_client import models
from cabinet_client._sync.resource import Requests

T = TypeVar("T")
_PAGE_ROWS = 100


class Pages(Generic[T]):
    """A list of the service: iterate over its rows, or over its pages with `pages()`; each page is one request."""

    def __init__(self, client: Requests, path: str, params: Mapping[str, Any], row: type[T]) -> None:
        self._client, self._path, self._row = client, path, row
        self._params = {"limit": _PAGE_ROWS, **{name: value for name, value in params.items() if value is not None}}

    def pages(self) -> Iterator[list[T]]:
        """Yield the rows page by page."""
        params = dict(self._params)
        while True:
            page = self._client.request("GET", self._path, params=params, returns=models.Page[self._row])  # type: ignore[name-defined]
            yield page.data
            if page.next is None:
                return
            params["after"] = page.next

    def __iter__(self) -> Iterator[T]:
        """Yield the rows of all pages."""
        for rows in self.pages():
            for row in rows:
                yield row
