"""The cache of an identity provider's public keys, which change when the provider rotates them.

Keys are fetched when a token needs an unknown key, at most once in ten seconds, and again in the background when they
are ten minutes old. If the provider does not answer, the keys stay in use for a day.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable

from svc.access.key_sets import KeySetError, VerificationKey
from svc.background import Background
from svc.errors import UnavailableError

logger = logging.getLogger(__name__)

_LEAST_PAUSE_S = 10.0
_RENEWED_AFTER_S = 600.0
_KEPT_S = 86_400.0

Read = Callable[[], Awaitable[list[VerificationKey]]]


class TokenKeys:
    """The keys that `read` returns. `now_s` returns the seconds of a monotonic clock."""

    def __init__(
        self, read: Read, background: Background, name: str, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._background, self._name, self._now_s = read, background, name, now_s
        self._keys: list[VerificationKey] = []
        self._good_at = self._tried_at = -float("inf")
        self._failed = False
        self._fetch: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str, *, may_fetch: bool = True) -> VerificationKey | None:
        """Return the key of a token, or None if the provider has no such key.

        `may_fetch` is whether an unknown key is a reason to fetch the keys.

        Raises:
            UnavailableError: the key is not known, and the provider does not answer.
        """
        key = self._chosen(key_id, algorithm)
        if key is not None:
            if self._now_s() - self._good_at > _RENEWED_AFTER_S:
                self._start()
            return key
        if may_fetch and (fetch := self._start()) is not None:
            await asyncio.wait({fetch})
            key = self._chosen(key_id, algorithm)
        if key is None and self._failed:
            raise UnavailableError(
                "the keys of the identity provider, with which tokens are verified, cannot be read now; try again",
                retry_after_s=_LEAST_PAUSE_S,
            )
        return key

    async def stop(self) -> None:
        """Cancel a fetch in progress."""
        if self._fetch is not None and not self._fetch.done():
            self._fetch.cancel()
            await asyncio.wait({self._fetch})

    def _chosen(self, key_id: str | None, algorithm: str) -> VerificationKey | None:
        if self._now_s() - self._good_at > _KEPT_S:
            return None
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        if key_id is None:
            # Without an id, there must be only one key.
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.key_id == key_id), None)

    def _start(self) -> asyncio.Task[None] | None:
        """The fetch in progress, or a new one; None if the last one was too recent."""
        if self._fetch is not None and not self._fetch.done():
            return self._fetch
        if self._now_s() - self._tried_at < _LEAST_PAUSE_S:
            return None
        self._tried_at = self._now_s()
        # A separate context: the request that starts the fetch is not the only one that waits for it.
        self._fetch = self._background.once(self._renew(), name="token-keys", context=contextvars.Context())
        return self._fetch

    async def _renew(self) -> None:
        self._failed = True
        try:
            self._keys = await self._read()
        except KeySetError as error:
            logger.warning("the keys of tokens cannot be renewed: %s %s", self._name, error.detail)
        else:
            self._good_at, self._failed = self._now_s(), False
