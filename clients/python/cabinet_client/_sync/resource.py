# Generated from ../_async/ by generate_sync.py: change that file instead.
"""The base of `users`, `documents` and the other groups of requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Requests(Protocol):
    """Sends requests: the client's interface for the groups of requests."""

    def request(
        self,
        method: str,
        path: str,
        *,
        returns: type[T],
        body: Any = None,
        is_safe: bool = False,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> T:
        """Send a request and decode its answer, like `Cabinet.request`."""


class Resource:
    """Requests about one kind of object."""

    def __init__(self, client: Requests) -> None:
        self._client = client
        self._request = client.request
