"""Metadata in the OpenAI dialect: at most 16 pairs of strings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from svc.errors import InvalidRequestError
from svc.fields.values import check_text, shortened

MOST_PAIRS = 16
_MOST_OF_A_KEY = 64
_MOST_OF_A_VALUE = 512

PairsOfText = Annotated[dict[str, str], Meta(description="At most 16 pairs: keys of 64, values of 512 characters.")]


def check_pairs(pairs: dict[str, str] | None, field: str = "metadata") -> None:
    """Check the number and the lengths of metadata.

    Raises:
        InvalidRequestError: names the pair that is too long.
    """
    for_all = f"{field} must have at most {MOST_PAIRS} pairs"
    if pairs is not None and len(pairs) > MOST_PAIRS:
        raise InvalidRequestError(f"{for_all}; it has {len(pairs)}", field=field, code="object_above_max_properties")
    for key, value in (pairs or {}).items():
        place = f"{field}.{shortened(key)}"
        if len(key) > _MOST_OF_A_KEY:
            raise InvalidRequestError(
                f"{place} is longer than {_MOST_OF_A_KEY} characters, the most of a key", field=place,
                code="string_above_max_length",
            )  # fmt: skip
        if len(value) > _MOST_OF_A_VALUE:
            raise InvalidRequestError(
                f"{place} must be at most {_MOST_OF_A_VALUE} characters; it has {len(value):,}", field=place,
                code="string_above_max_length",
            )  # fmt: skip
        check_text(key, place)
        check_text(value, place)
