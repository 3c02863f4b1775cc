"""Calls from pages of other origins (CORS, the Fetch standard), for the origins that the operator allows."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
# The SDK of the OpenAI API identifies itself in each request; Firefox also asks for its User-Agent.
_OF_THE_SDK = [
    "User-Agent", "X-Stainless-Arch", "X-Stainless-Custom-Poll-Interval", "X-Stainless-Helper-Method",
    "X-Stainless-Lang", "X-Stainless-OS", "X-Stainless-Package-Version", "X-Stainless-Poll-Helper",
    "X-Stainless-Retry-Count", "X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Timeout",
]  # fmt: skip
_SENT = [
    "Authorization", "Cabinet-User", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Range",
    "X-Request-Id", "OpenAI-Beta", "OpenAI-Organization", "OpenAI-Project", "Mcp-Session-Id", "Mcp-Protocol-Version",
    *_OF_THE_SDK,
]  # fmt: skip
_READ = [
    "Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Location", "RateLimit", "RateLimit-Limit",
    "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "Server-Timing", "X-Request-Id",
    "Mcp-Session-Id", "OpenAI-Poll-After-Ms",
]  # fmt: skip
# Browsers cap this at two hours or a day; a change of the setting reaches pages within it.
_PREFLIGHT_S = 600


def cors(origins: Sequence[str]) -> list[Middleware]:
    """The middleware for calls from browsers; an empty list if no origin is allowed.

    Keys are sent in a header and never in cookies, so credentials in the sense of the standard are not allowed.
    """
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_READ,
            max_age=_PREFLIGHT_S,
        )
    ]
