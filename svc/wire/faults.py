"""The errors of requests that cannot be received."""

from __future__ import annotations

import httptools

from svc.errors import MalformedRequestError, UnavailableError


def no_memory() -> UnavailableError:
    """Return the error for a body for which there is no memory."""
    return UnavailableError("the server is receiving and sending as much as it may; try again", retry_after_s=1.0)


def no_room_on_disk() -> UnavailableError:
    """Return the error for an upload for which there is no room on disk."""
    return UnavailableError("the server is receiving as many large uploads as it may; try again", retry_after_s=1.0)


def malformed(error: httptools.HttpParserError, *, in_body: bool) -> MalformedRequestError:
    """Return the error for bytes that are not HTTP."""
    # The parser's own words describe its states, not the request.
    if in_body:
        return MalformedRequestError(
            "the body is not valid HTTP: the size of a chunk is wrong, or a chunk does not end"
        )
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return MalformedRequestError("the request does not begin with a method of HTTP")
    return MalformedRequestError("the request's head is not valid HTTP")
