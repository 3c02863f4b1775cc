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
# jsonb stores numbers of any size and writes all digits (301 for 1e300), which not every client can read.
_BEYOND_64_BITS = 2**63

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
    for path, item, depth in _walk(value, field, 1):
        if depth > MAX_METADATA_DEPTH:
            raise InvalidRequestError(f"{field} must be nested at most {MAX_METADATA_DEPTH} levels deep", field=path)
        if isinstance(item, str):
            check_text(item, path)
        elif isinstance(item, int | float) and not -_BEYOND_64_BITS <= item < _BEYOND_64_BITS:
            raise InvalidRequestError(f"{path} is a number of more than 64 bits; send it as a string", field=path)
    size = len(msgspec.json.encode(value))
    if size > MAX_METADATA_BYTES:
        raise InvalidRequestError(
            f"{field} must be at most {MAX_METADATA_BYTES:,} bytes of JSON; it has {size:,}", field=field
        )


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any, int]]:
    """Yield every value in `value`, including keys, with its path and depth, down to the first refused depth."""
    yield path, value, depth
    if depth > MAX_METADATA_DEPTH:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path} (a key)", key, depth
            yield from _walk(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]", depth + 1)
