"""URLs of HTTP servers: validation, and their form for messages."""

from __future__ import annotations

from urllib.parse import urlsplit


def check_http_url(url: str) -> None:
    """Check a URL.

    Raises:
        ValueError: it is not a URL of an HTTP server; the message contains no part of it, which may be a password.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_whole = False
    if not (is_whole and url.isascii() and url.isprintable() and " " not in url):
        raise ValueError("cannot be read; special characters in a user name or password must be percent-encoded")


def without_credentials(url: str) -> str:
    """Returns the URL without user, password and parameters, for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
