"""The principal of a request, and the few seconds for which a checked key needs no statement."""

from __future__ import annotations

import hmac
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from svc.access.keys import hash_key
from svc.access.quotas import Quota
from svc.database.queries import Database
from svc.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from svc.settings.groups import AccessSettings

logger = logging.getLogger(__name__)

_MAX_CACHED = 10_000


@dataclass(frozen=True)
class Principal:
    """Who a request acts for. `user_id` is None only for the admin acting for nobody.

    `chunk_count` is the size of the tenant some seconds ago, and `has_index` whether they had an index of their own:
    by these a search picks its lane. `tokens` is what they had used of their plan's tokens then, and
    `requests_per_minute` what the plan allows; None: any number.
    """

    is_admin: bool
    user_id: UUID | None = None
    key_id: UUID | None = None
    chunk_count: int = 0
    has_index: bool = False
    tokens: Quota = field(default_factory=lambda: Quota("tokens", 0, None))
    requests_per_minute: int | None = None

    @property
    def tenant(self) -> UUID:
        """The user whose data the request is about.

        Raises:
            ForbiddenError: the admin's key without the header that says for whom.
        """
        if self.user_id is None:
            raise ForbiddenError(
                "this route is about one user's data: say whose with the header Cabinet-User: <user id>"
            )
        return self.user_id


class Authenticator:
    """Turns the headers of a request into a principal, with at most one statement, mostly none."""

    def __init__(self, database: Database, settings: AccessSettings, admin_key: str) -> None:
        self._database = database
        self._cache_s = settings.key_cache_s
        self._admin_hash = hash_key(admin_key)
        self._cache: OrderedDict[bytes, tuple[float, Principal, datetime | None]] = OrderedDict()
        self._forgets = 0

    async def authenticate(self, authorization: str | None, acting_for: str | None) -> Principal:
        """The principal of `Authorization: Bearer <key>`, and of `Cabinet-User: <id>` for the admin.

        Raises:
            UnauthenticatedError: no key, or none that is good now.
            ForbiddenError: `Cabinet-User` with a key that is not the admin's.
            NotFoundError: `Cabinet-User` names no user.
        """
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthenticatedError("send your API key in the header Authorization: Bearer <key>")
        key_hash = hash_key(key.strip())
        if hmac.compare_digest(key_hash, self._admin_hash):
            return Principal(is_admin=True) if acting_for is None else await self._acting_for(acting_for)
        if acting_for is not None:
            raise ForbiddenError("only the admin's key may act for a user with Cabinet-User", field="Cabinet-User")
        return self._cached(key_hash) or await self._look_up(key_hash)

    def forget(self, user_id: UUID, key_id: UUID | None = None) -> None:
        """Drop what is cached of a user, or of one key of theirs: it was revoked or deleted just now."""
        self._forgets += 1
        for cached, (_, principal, _) in list(self._cache.items()):
            if principal.user_id == user_id and key_id in (None, principal.key_id):
                del self._cache[cached]

    def forget_all(self) -> None:
        """Drop everything that is cached: a plan was changed, and it is not known here whose it is."""
        self._forgets += 1
        self._cache.clear()

    async def _look_up(self, key_hash: bytes) -> Principal:
        forgets = self._forgets
        row = await self._database.one("keys/authenticate", key_hash=key_hash)
        if row is None:
            raise UnauthenticatedError("the API key is unknown, expired or revoked")
        principal = Principal(
            False, row.user_id, row.key_id, row.chunk_count, row.has_index,
            Quota("tokens", row.tokens_used, row.tokens_allowed), row.requests_per_minute,
        )  # fmt: skip
        self._remember(key_hash, principal, row.expires_at, forgets)
        return principal

    async def _acting_for(self, header: str) -> Principal:
        try:
            user_id = UUID(header)
        except ValueError:
            raise NotFoundError("there is no such user", field="Cabinet-User") from None
        cache_key = user_id.bytes
        if cached := self._cached(cache_key):
            return cached
        forgets = self._forgets
        row = await self._database.one("keys/tenant", user_id=user_id)
        if row is None:
            raise NotFoundError("there is no such user", field="Cabinet-User")
        principal = Principal(
            True,
            row.user_id,
            None,
            row.chunk_count,
            row.has_index,
            Quota("tokens", row.tokens_used, row.tokens_allowed),
        )
        self._remember(cache_key, principal, None, forgets)
        return principal

    def _cached(self, key: bytes) -> Principal | None:
        entry = self._cache.get(key)
        if entry is None:
            return None
        good_until, principal, expires_at = entry
        if time.monotonic() < good_until and (expires_at is None or datetime.now(expires_at.tzinfo) < expires_at):
            return principal
        self._cache.pop(key, None)
        return None

    def _remember(self, key: bytes, principal: Principal, expires_at: datetime | None, forgets: int) -> None:
        # What was looked up before a key was forgotten may be that very key, as it was: it must not come back.
        if self._cache_s > 0 and forgets == self._forgets:
            self._cache[key] = (time.monotonic() + self._cache_s, principal, expires_at)
            while len(self._cache) > _MAX_CACHED:
                self._cache.popitem(last=False)
