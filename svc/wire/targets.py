"""Reads the target of a request: a path and a query, or a whole URL as clients send it to a proxy."""

from __future__ import annotations

from typing import NamedTuple

import httptools

_SCHEMES = (b"http", b"https")


class Target(NamedTuple):
    """The path and the query of a target, as they were sent."""

    path: bytes
    query: bytes


class WrongTargetError(ValueError):
    """The target cannot be used, for the reason in its message."""


def read_target(target: bytes, host: bytes | None) -> Target:
    """Return the path and the query of a target. `host` is the value of the header Host; None: there is none.

    Raises:
        WrongTargetError: it has no path, a fragment, or is a URL of another scheme, or of another host than `host`: a
            proxy may have chosen the server by one of the two, and the service would use the other.
    """
    parsed = httptools.parse_url(target)
    if parsed.path is None:
        raise WrongTargetError("the request's target has no path")
    if b"#" in target:
        raise WrongTargetError("the request's target has a fragment, which belongs to the client")
    if parsed.schema is not None:
        if parsed.schema.lower() not in _SCHEMES:
            raise WrongTargetError("the request's target must be a path, or a URL with http or https")
        authority = target.partition(b"://")[2].partition(b"/")[0]
        if host is not None and authority.lower() != host.strip().lower():
            raise WrongTargetError("the host in the request's target differs from the header Host")
    return Target(parsed.path, parsed.query or b"")
