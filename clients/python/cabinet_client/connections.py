"""The URL and the headers of a connection, which are checked before anything is sent."""

from __future__ import annotations

from urllib.parse import urlsplit


def checked_url(url: str) -> str:
    """Return the URL of a service without a slash at its end.

    Raises:
        ValueError: it is not a URL.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise ValueError(f"{url[:200]!r} is not the URL of a service; it must be like http://127.0.0.1:8080")
    return url.rstrip("/")


def authorization(key: str | None) -> dict[bytes, bytes]:
    """Return the header with an API key; no header without a key, so that the service reports that it is missing.

    Raises:
        ValueError: it is not a valid key.
    """
    key = (key or "").strip()
    return {b"Authorization": f"Bearer {checked_value(key, 'key')}".encode()} if key else {}


def checked_value(value: str, name: str) -> str:
    """Check a text that becomes a header. It may be a secret, so the error does not show it.

    Raises:
        ValueError: it contains a line break or another control character.
    """
    if any(character < " " or character == "\x7f" for character in value):
        raise ValueError(f"{name} contains a control character, such as a line break")
    return value


def reason_of(failure: Exception) -> str:
    """Describe in one line why there was no answer: the kind of failure, and the system's message."""
    said = " ".join(str(failure).split())
    return f"{type(failure).__name__}: {said}" if said else type(failure).__name__
