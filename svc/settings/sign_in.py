"""The settings for tokens of the operator's identity provider."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from svc.settings.group import PREFIX, Group
from svc.settings.http_url import check_http_url


class SignInSettings(Group):
    """The tokens (JWT) that are accepted instead of API keys."""

    jwt_issuer: str | None = Field(
        None,
        max_length=1000,
        description="Issuer (`iss`) of the tokens with which users sign in instead of API keys. A token's subject "
        "(`sub`) is the user with this external id.",
    )
    jwt_audience: str | None = Field(
        None,
        max_length=1000,
        description="Audience that a token must name (`aud`), so that it is meant for this service.",
    )
    jwt_jwks_url: str | None = Field(
        None, max_length=2000, description="URL of the issuer's public keys (JWKS), which are fetched and cached."
    )
    jwt_jwks_file: Path | None = Field(None, description="File with the issuer's public keys, instead of a URL.")
    jwt_create_users: bool = Field(
        False, description="Whether a token of an unknown subject creates a user; otherwise it is refused."
    )

    @field_validator("jwt_jwks_url")
    @classmethod
    def _jwks_url_is_http(cls, value: str | None) -> str | None:
        if value is not None:
            check_http_url(value)
        return value

    @model_validator(mode="after")
    def _tokens_can_be_verified(self) -> Self:
        needed = {f"{PREFIX}JWT_ISSUER": self.jwt_issuer, f"{PREFIX}JWT_AUDIENCE": self.jwt_audience}
        missing = [name for name, value in needed.items() if not value]
        sources = [source for source in (self.jwt_jwks_url, self.jwt_jwks_file) if source is not None]
        if len(missing) == len(needed) and not sources and not self.jwt_create_users:
            return self
        if missing:
            raise ValueError(f"{' and '.join(missing)} must also be set, so that a token can be verified")
        if len(sources) != 1:
            raise ValueError(f"set either {PREFIX}JWT_JWKS_URL or {PREFIX}JWT_JWKS_FILE, where the keys of tokens are")
        return self

    @property
    def takes_tokens(self) -> bool:
        """Whether users can sign in with tokens."""
        return self.jwt_issuer is not None
