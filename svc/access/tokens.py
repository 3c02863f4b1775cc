"""Tokens (JWT, RFC 7519) of the operator's identity provider, which replace API keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jwt
from jwt.exceptions import InvalidSubjectError

from svc.access.key_sets import ALGORITHMS, MAX_KEY_ID, KeySetError, read_key_set, shown
from svc.access.references import can_be_external_id
from svc.access.token_keys import TokenKeys
from svc.background import Background
from svc.errors import StartupError, UnauthenticatedError
from svc.settings.sign_in import SignInSettings

MAX_TOKEN_CHARACTERS = 16 * 2**10
LEEWAY_S = 30
"""Seconds by which the clocks of this machine and of the provider may differ."""

_REQUIRED = ("exp", "iss", "aud", "sub")
_TIMES = ("exp", "nbf", "iat")
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_MALFORMED = "the token is malformed; sign in again"
# In this order, since some are subclasses of others.
_REASONS: Mapping[type[Exception], str] = {
    jwt.ExpiredSignatureError: "the token has expired; sign in again",
    jwt.ImmatureSignatureError: "the token is not valid yet: its nbf or iat is in the future",
    jwt.InvalidAudienceError: "the token is for another audience (aud) than this service",
    jwt.InvalidIssuerError: "the token is from another issuer (iss) than the one that this service trusts",
    InvalidSubjectError: "the token's subject (sub) is not a text",
    jwt.InvalidSignatureError: "the signature of the token is wrong",
}


@dataclass(frozen=True)
class Subject:
    """The user of a token: `external_id` is its `sub`, `email` a verified address."""

    external_id: str
    expires_at: datetime
    email: str | None
    name: str | None


class TokenVerifier:
    """Verifies the tokens of one issuer for one audience."""

    def __init__(self, issuer: str, audience: str, keys: TokenKeys) -> None:
        self._issuer, self._audience, self._keys = issuer, audience, keys

    async def verify(self, token: str, *, may_fetch: bool = True) -> Subject:
        """Return the subject of a token. `may_fetch` is whether an unknown key is a reason to fetch the keys.

        Raises:
            UnauthenticatedError: the token is not valid; the detail contains the reason.
            UnavailableError: the provider's keys cannot be read.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise UnauthenticatedError(f"the token has more than {MAX_TOKEN_CHARACTERS:,} characters")
        algorithm, key_id = _signature_of(token)
        key = await self._keys.find(key_id, algorithm, may_fetch=may_fetch)
        if key is None:
            raise UnauthenticatedError(
                "the token names no key of the identity provider for its algorithm, in kid"
                if key_id is None
                else "the token is signed with a key that the identity provider does not have"
            )
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": list(_REQUIRED)},
            )
        except jwt.MissingRequiredClaimError:
            claims = jwt.decode(token, options={"verify_signature": False})
            missing = ", ".join(name for name in _REQUIRED if not claims.get(name))
            raise UnauthenticatedError(f"the token lacks the claim {missing}") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            reasons = (reason for kind, reason in _REASONS.items() if isinstance(error, kind))
            raise UnauthenticatedError(next(reasons, _MALFORMED)) from None
        for name in _TIMES:
            # PyJWT also reads texts, with the digits of any script, and takes true for a second after 1970.
            if name in claims and (isinstance(claims[name], bool) or not isinstance(claims[name], int | float)):
                raise UnauthenticatedError(f"the token's claim {name} is not a number of seconds")
        return _subject(claims)

    async def stop(self) -> None:
        """Cancel a fetch of keys in progress."""
        await self._keys.stop()


async def token_verifier(settings: SignInSettings, background: Background) -> TokenVerifier | None:
    """Return the verifier for these settings, or None if users sign in with API keys only.

    Raises:
        StartupError: the file with the keys cannot be read.
    """
    source = settings.jwt_jwks_url or settings.jwt_jwks_file
    if settings.jwt_issuer is None or settings.jwt_audience is None or source is None:
        return None
    if not isinstance(source, str):
        try:
            await read_key_set(source)
        except KeySetError as error:
            raise StartupError(f"CABINET_JWT_JWKS_FILE: {source} {error.detail}") from None
    keys = TokenKeys(partial(read_key_set, source), background, shown(source))
    return TokenVerifier(settings.jwt_issuer, settings.jwt_audience, keys)


def _signature_of(token: str) -> tuple[str, str | None]:
    """The algorithm and the key id in the header of a token, which is not verified yet.

    Raises:
        UnauthenticatedError: it cannot be read, or names an algorithm that is not accepted.
    """
    try:
        head = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise UnauthenticatedError(_MALFORMED) from None
    algorithm, key_id = head.get("alg"), head.get("kid")
    if algorithm not in ALGORITHMS:
        raise UnauthenticatedError(f"the token must be signed with {', '.join(ALGORITHMS[:-1])} or {ALGORITHMS[-1]}")
    if "crit" in head or "b64" in head:
        raise UnauthenticatedError("the token requires an extension that this service does not know (crit)")
    if not (key_id is None or (isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID)):
        raise UnauthenticatedError(_MALFORMED)
    return algorithm, key_id


def _subject(claims: dict[str, Any]) -> Subject:
    external_id = claims["sub"]
    if not can_be_external_id(external_id):
        raise UnauthenticatedError("the token's subject (sub) cannot be the external id of a user")
    email, name = claims.get("email"), claims.get("name")
    return Subject(
        external_id,
        _moment(int(claims["exp"])),
        email if isinstance(email, str) and claims.get("email_verified") is True else None,
        name if isinstance(name, str) else None,
    )


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return _LAST
