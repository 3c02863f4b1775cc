# Generated from ../_async/ by generate_sync.py: change that file instead.
"""The base of `users`, `documents` and the other groups of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cabinet_client._sync.client import Cabinet


class Resource:
    """Requests about one kind of thing."""

    def __init__(self, client: Cabinet) -> None:
        self._client = client
        self._request = client.request
