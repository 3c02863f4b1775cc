"""Attributes of a file in a collection: a few typed values by name, as the OpenAI API has them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from svc.fields.values import check_json

MAX_ATTRIBUTES = 16
# Sixteen names and texts of the greatest length, of characters that take the most bytes in JSON.
_MAX_BYTES = 64 * 2**10

AttributeName = Annotated[str, Meta(min_length=1, max_length=64)]
AttributeValue = Annotated[str, Meta(max_length=512)] | int | float | bool
Attributes = Annotated[
    dict[AttributeName, AttributeValue],
    Meta(
        max_length=MAX_ATTRIBUTES,
        description=(
            f"At most {MAX_ATTRIBUTES} attributes: names of at most 64 characters with a string of at most 512 "
            "characters, a number, or true or false."
        ),
    ),
]


def check_attributes(value: dict[str, AttributeValue], field: str) -> None:
    """Check that PostgreSQL returns the attributes unchanged, which the type does not.

    Raises:
        InvalidRequestError: names the attribute.
    """
    check_json(value, field, _MAX_BYTES)
