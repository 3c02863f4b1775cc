"""The base of `users`, `documents` and the other groups of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cabinet_client._async.client import AsyncCabinet


class Resource:
    """Requests about one kind of thing."""

    def __init__(self, client: AsyncCabinet) -> None:
        self._client = client
        self._request = client.request
