"""The principal of a request, and a cache that avoids the statement for recently checked keys."""

from __future__ import annotations

import hmac
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from svc.access.failed_logins import FailedLogins
from svc.access.keys import can_be_key, hash_key
from svc.access.quotas import Quota
from svc.access.references import find_user_id, header_text
from svc.access.sign_in import user_of
from svc.access.tokens import Subject, TokenVerifier
from svc.database.queries import Database
from svc.database.rows import KeysTenant
from svc.errors import ForbiddenError, NotFoundError, TooManyLoginsError, UnauthenticatedError
from svc.settings.groups import AccessSettings

logger = logging.getLogger(__name__)

_MAX_CACHED = 10_000
_DOTS_OF_TOKEN = 2


@dataclass(frozen=True)
class Principal:
    """The caller of a request. `user_id` is None only for the admin without `Cabinet-User`.

    The other fields can be as old as the cache: `chunk_count` and `has_index` (whether the tenant has its own index)
    determine the lane of a search, `tokens` is the quota of tokens with its usage, and `requests_per_minute` is the
    limit of the plan (None: no limit). `can_write` is false for a key that can only read. `collection_id` is the only
    collection that the key can access (None: all data of the user).
    """

    is_admin: bool
    user_id: UUID | None = None
    key_id: UUID | None = None
    chunk_count: int = 0
    has_index: bool = False
    tokens: Quota = field(default_factory=lambda: Quota("tokens", 0, None))
    requests_per_minute: int | None = None
    can_write: bool = True
    collection_id: UUID | None = None

    @property
    def tenant(self) -> UUID:
        """The user whose data the request concerns.

        Raises:
            ForbiddenError: the admin key was sent without the header `Cabinet-User`.
        """
        if self.user_id is None:
            raise ForbiddenError(
                "this route acts on one user's data: name the user in the header Cabinet-User: <user id>"
            )
        return self.user_id

    def reaches(self, collection_id: UUID) -> bool:
        """Whether the key is not limited to a different collection."""
        return self.collection_id in (None, collection_id)


class Authenticator:
    """Determines the principal of a request from its headers, with at most one statement, usually none."""

    def __init__(
        self, database: Database, settings: AccessSettings, admin_key: str, tokens: TokenVerifier | None = None
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._new_users_plan = settings.default_plan if settings.jwt_create_users else None
        self._cache_s = settings.key_cache_s
        self._admin_hash = hash_key(admin_key)
        self._cache: OrderedDict[bytes, tuple[float, Principal, datetime | None]] = OrderedDict()
        self._forgets = 0
        self._failed_logins = FailedLogins()

    async def authenticate(
        self, authorization: str | None, acting_for: str | None, address: str | None = None
    ) -> Principal:
        """Return the principal of `Authorization: Bearer <key>` and, for the admin, of `Cabinet-User`.

        `Cabinet-User` is the id or the external id of a user.

        `address` is the client's address; None if unknown.

        Raises:
            UnauthenticatedError: the key or token is missing, unknown, expired or revoked.
            UnavailableError: the keys for verifying tokens cannot be read.
            TooManyLoginsError: this client has sent too many unknown keys.
            ForbiddenError: `Cabinet-User` was sent with the key of a user.
            NotFoundError: the user in `Cabinet-User` does not exist.
        """
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthenticatedError("send your API key in the header Authorization: Bearer <key>")
        key_hash = hash_key(key.strip())
        if hmac.compare_digest(key_hash, self._admin_hash):
            return Principal(is_admin=True) if acting_for is None else await self._acting_for(acting_for)
        if acting_for is not None:
            raise ForbiddenError("acting for a user with Cabinet-User requires the admin key", field="Cabinet-User")
        if cached := self._cached(key_hash):
            return cached
        if self._tokens is not None and key.count(".") == _DOTS_OF_TOKEN:
            return await self._sign_in(self._tokens, key.strip(), key_hash, address)
        if not can_be_key(key.strip()):
            # Most are truncated or mistyped. They cost no statement, so they need not be slowed down.
            raise UnauthenticatedError("the API key is unknown: it is incomplete or mistyped")
        return await self._look_up(key_hash, address)

    def forget(self, user_id: UUID, key_id: UUID | None = None) -> None:
        """Remove a user, or one of their keys, from the cache after it was changed, revoked or deleted."""
        self._forgets += 1
        for cached, (_, principal, _) in list(self._cache.items()):
            if principal.user_id == user_id and key_id in (None, principal.key_id):
                del self._cache[cached]

    def forget_all(self) -> None:
        """Clear the cache after a plan was changed, since the cache does not know which users have the plan."""
        self._forgets += 1
        self._cache.clear()

    async def _look_up(self, key_hash: bytes, address: str | None) -> Principal:
        wait_s = 0.0 if address is None else self._failed_logins.wait_s(address, key_hash)
        if wait_s:
            raise TooManyLoginsError(
                "this client has sent too many unknown API keys; wait before you send another",
                retry_after_s=max(1.0, wait_s),
            )
        forgets = self._forgets
        row = await self._database.one("keys/authenticate", key_hash=key_hash)
        if row is None:
            if address is not None:
                self._failed_logins.note_failure(address, key_hash)
            raise UnauthenticatedError("the API key is unknown, expired or revoked")
        self._failed_logins.note_valid(key_hash)
        principal = Principal(
            False, row.user_id, row.key_id, row.chunk_count, row.has_index,
            Quota("tokens", row.tokens_used, row.tokens_allowed), row.requests_per_minute, "write" in row.scopes,
            row.collection_id,
        )  # fmt: skip
        self._remember(key_hash, principal, row.expires_at, forgets)
        return principal

    async def _sign_in(self, tokens: TokenVerifier, token: str, key_hash: bytes, address: str | None) -> Principal:
        # A valid token is never slowed down, since its verification costs little.
        wait_s = 0.0 if address is None else self._failed_logins.wait_s(address, key_hash)
        forgets = self._forgets
        try:
            subject = await tokens.verify(token, may_fetch=not wait_s)
            row = await self._user_of(subject)
        except UnauthenticatedError:
            if wait_s:
                raise TooManyLoginsError(
                    "this client has sent too many tokens that are not valid; wait before you send another",
                    retry_after_s=max(1.0, wait_s),
                ) from None
            if address is not None:
                self._failed_logins.note_failure(address, key_hash)
            raise
        principal = Principal(
            False, row.user_id, None, row.chunk_count, row.has_index,
            Quota("tokens", row.tokens_used, row.tokens_allowed), row.requests_per_minute,
        )  # fmt: skip
        self._remember(key_hash, principal, subject.expires_at, forgets)
        return principal

    async def _user_of(self, subject: Subject) -> KeysTenant:
        user_id = await user_of(self._database, subject, self._new_users_plan)
        row = None if user_id is None else await self._database.one("keys/tenant", user_id=user_id)
        if row is None:
            raise UnauthenticatedError("there is no user whose external id is the subject (sub) of the token")
        return row

    async def _acting_for(self, header: str) -> Principal:
        # An external id is looked up each time: once another user has it, no server may act for its previous user.
        reference = header_text(header)
        user_id = None if reference is None else await find_user_id(self._database, reference)
        if user_id is None:
            raise NotFoundError("there is no such user", field="Cabinet-User")
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
        # A row that was read before a call of forget may contain the old state of the key, and must not be cached.
        if self._cache_s > 0 and forgets == self._forgets:
            self._cache[key] = (time.monotonic() + self._cache_s, principal, expires_at)
            while len(self._cache) > _MAX_CACHED:
                self._cache.popitem(last=False)
