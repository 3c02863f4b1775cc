"""The settings for pages of other origins, and for a proxy that puts a prefix before the paths."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from svc.settings.group import Group

ANY_ORIGIN = "*"


class BrowserSettings(Group):
    """The origins that may call the service from a browser, and the path that it is served under."""

    cors_origins: str = Field(
        "",
        max_length=10_000,
        description="Origins, separated by commas, whose pages may call the service in a browser, such as "
        "https://app.example.com; * allows all. Without one, browsers refuse such calls.",
    )
    root_path: str = Field(
        "",
        max_length=200,
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Prefix of the paths, such as /cabinet, if a proxy serves this service below it. The proxy may "
        "remove the prefix or keep it.",
    )

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for origin in origins_of(value):
            if origin != ANY_ORIGIN:
                _check_origin(origin)
        return value


def origins_of(value: str) -> list[str]:
    """The origins of the setting, without white space and empty ones."""
    return [origin for part in value.split(",") if (origin := part.strip())]


def _check_origin(origin: str) -> None:
    """Check one origin (RFC 6454): a scheme, a host and perhaps a port, as a browser sends it.

    Raises:
        ValueError: it is not an origin.
    """
    try:
        parts = urlsplit(origin)
        is_origin = (
            parts.scheme in ("http", "https") and parts.hostname and origin == f"{parts.scheme}://{parts.netloc}"
        )
        is_origin = is_origin and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        is_origin = False
    if not is_origin:
        raise ValueError(f"must be origins, separated by commas, such as https://app.example.com, not {origin!r}")
