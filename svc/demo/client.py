"""The demo's HTTP client, which sends the same requests as an application."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from svc.errors import CabinetError

_TIMING = re.compile(r'dur=(?P<milliseconds>[0-9.]+);desc="(?P<statements>\d+) statements?"')
_TIMEOUT_S = 30.0


class DemoFailedError(CabinetError):
    """A claim of the demo is false."""

    title = "Demo failed"


@dataclass(frozen=True)
class Answer:
    """One answer: its status, its JSON, and the figures of the database in its `Server-Timing`."""

    status: int
    body: Any
    server_timing: str

    @property
    def statements(self) -> int:
        """Statements that the request ran."""
        return int(self._timing["statements"])

    @property
    def milliseconds(self) -> float:
        """Milliseconds that it spent in the database."""
        return float(self._timing["milliseconds"])

    @property
    def _timing(self) -> re.Match[str]:
        match = _TIMING.search(self.server_timing)
        if match is None:
            raise DemoFailedError(f"the header Server-Timing reads {self.server_timing!r}, which contains no time")
        return match


class Account:
    """One caller of the service: the admin or a user, by their key."""

    def __init__(self, url: str, key: str, name: str = "", user_id: str = "") -> None:
        self.key = key
        self.name = name
        self.user_id = user_id
        # Without a proxy of the environment, since the service is on this machine.
        self._client = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S, trust_env=False
        )

    async def call(self, method: str, path: str, *, expect: Iterable[int] = (200, 201, 202), **options: Any) -> Answer:
        """Send one request.

        Raises:
            DemoFailedError: the answer's status is not in `expect`, or there is no answer.
        """
        try:
            response = await self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise DemoFailedError(f"{method} {path} got no answer ({type(error).__name__})") from error
        if response.status_code not in expect:
            raise DemoFailedError(f"{method} {path} answered {response.status_code}: {response.text}")
        body = response.json() if response.content else None
        return Answer(response.status_code, body, response.headers.get("server-timing", ""))

    async def search(self, question: str, limit: int = 3, **filters: Any) -> Answer:
        """Search by meaning."""
        return await self.call("POST", "/search", json={"query": question, "limit": limit, **filters})

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()
