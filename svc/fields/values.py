"""Types and checks of request fields: text and JSON that PostgreSQL can store and return unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from svc.errors import InvalidRequestError

MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 16
EMAIL_PATTERN = r"^[^@\s\x00]+@[^@\s\x00]+(?!\s)$"
"""Python's `$` alone would let a last line break through."""
MAX_EMAIL = 320
"""Characters."""

MAX_SHOWN_CHARACTERS = 80
"""The maximum characters of a field's path in a message."""
# jsonb stores numbers of any size and writes all digits (301 for 1e300), which not every client can read.
_BEYOND_64_BITS = 2**63
NUMBER_RANGE = "must be a number from -2^63 to 2^63 (about 9.2e18)"
"""The end of a sentence about a number."""

Metadata = Annotated[
    dict[str, Any],
    Meta(description=f"A JSON object of at most {MAX_METADATA_BYTES} bytes, nested at most {MAX_METADATA_DEPTH} deep."),
]
Filename = Annotated[str, Meta(min_length=1, max_length=255)]
Title = Annotated[str, Meta(max_length=255)]
Name = Annotated[str, Meta(max_length=255)]
# tz=True: the meaning of a timestamp without an offset would depend on the machine.
Moment = Annotated[
    datetime, Meta(tz=True, description="A timestamp with its offset from UTC, such as 2027-01-01T00:00:00Z.")
]


def check_text(value: str, field: str) -> None:
    """Check that PostgreSQL can store a text.

    Raises:
        InvalidRequestError: `value` contains a NUL character or a lone surrogate.
    """
    if "\x00" in value:
        raise InvalidRequestError(
            f"{field} contains the character U+0000 (NUL), which PostgreSQL cannot store; remove it", field=field
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(
            f"{field} contains a lone surrogate, which is half of a character; remove it", field=field
        ) from None


def check_moment(value: datetime, field: str) -> None:
    """Check that a timestamp is in the years 1 to 9999 in UTC too, in which it is stored and compared.

    Raises:
        InvalidRequestError: it is not.
    """
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise InvalidRequestError(f"{field} must be in the years 1 to 9999 in UTC", field=field) from None


def check_future(value: datetime, field: str) -> None:
    """Check that a timestamp of expiry is in the future.

    Raises:
        InvalidRequestError: it is in the past, or not in the years 1 to 9999 in UTC.
    """
    check_moment(value, field)
    if value <= datetime.now(UTC):
        raise InvalidRequestError(f"{field} must be in the future, not in the past", field=field)


def check_metadata(value: dict[str, Any], field: str) -> None:
    """Check that a JSON object is not too large or too deep, and that PostgreSQL returns it unchanged.

    Raises:
        InvalidRequestError: names the path of the wrong value.
    """
    check_json(value, field, MAX_METADATA_BYTES)


def check_json(value: Any, field: str, max_bytes: int) -> None:
    """Check that a JSON value is not too large or too deep, and that PostgreSQL returns it unchanged.

    The size is checked before the contents, so the cost is bounded for a value of any size.

    Raises:
        InvalidRequestError: names the path of the wrong value.
    """
    too_deep = f"{field} must be nested at most {MAX_METADATA_DEPTH} levels deep"
    try:
        size = len(msgspec.json.encode(value))
    except RecursionError:
        raise InvalidRequestError(too_deep, field=field) from None
    except UnicodeEncodeError:
        # A lone surrogate, which a JSON decoder lets through that is not ours; its place is found below.
        size = 0
    if size > max_bytes:
        raise InvalidRequestError(f"{field} must be at most {max_bytes:,} bytes of JSON; it has {size:,}", field=field)
    for trail, item, depth in _walk(value):
        if depth > MAX_METADATA_DEPTH:
            raise InvalidRequestError(too_deep, field=_path(field, trail))
        if isinstance(item, str):
            if "\x00" in item or not size:
                check_text(item, _path(field, trail))
        elif isinstance(item, int | float) and not -_BEYOND_64_BITS <= item < _BEYOND_64_BITS:
            path = _path(field, trail)
            raise InvalidRequestError(f"{path} {NUMBER_RANGE}; send a larger one as a string", field=path)


# The steps to a value, innermost first. A path is long to write, and only the one of a fault is needed.
_Trail = tuple[str | int, "_Trail"] | None
_A_KEY = -1


def _walk(value: Any) -> Iterator[tuple[_Trail, Any, int]]:
    """Yield every value in `value`, including keys, with its trail and depth, down to the first refused depth."""
    parts: list[tuple[_Trail, Any, int]] = [(None, value, 1)]
    while parts:
        trail, item, depth = part = parts.pop()
        yield part
        if depth > MAX_METADATA_DEPTH:
            continue
        if isinstance(item, dict):
            for key in item:
                yield (_A_KEY, trail), key, depth
            parts += [((key, trail), member, depth + 1) for key, member in reversed(item.items())]
        elif isinstance(item, list):
            parts += [((index, trail), item[index], depth + 1) for index in reversed(range(len(item)))]


def _path(field: str, trail: _Trail) -> str:
    steps: list[str | int] = []
    while trail is not None:
        step, trail = trail
        steps.append(step)
    path = field
    for step in reversed(steps):
        path += " (a key)" if step == _A_KEY else f"[{step}]" if isinstance(step, int) else f".{step}"
    return shortened(path)


def shortened(path: str) -> str:
    """Return the path of a field for messages, shortened, since a client can send a name of any length."""
    return path if len(path) <= MAX_SHOWN_CHARACTERS else f"{path[:MAX_SHOWN_CHARACTERS]}…"
