"""The fields of an item, besides its metadata, that a filter can compare, and the checks of their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from svc.errors import InvalidRequestError
from svc.fields.chat import Role
from svc.fields.ids import read_id
from svc.filters.tree import Scalar, Value
from svc.ingest.formats import SEARCHED_TYPES

Kind = Literal["text", "number", "moment", "id", "choice"]

DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
"""Regular expressions, in Python as in PostgreSQL, of a date and of a time without a fraction of a second."""
MOMENT = re.compile(
    rf"(?P<date>{DATE})(?:[T ](?P<time>{TIME}(?:\.[0-9]{{1,6}})?)(?P<zone>Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?"
)
"""A date, or a timestamp with or without an offset from UTC. Without an offset, it is in UTC; a date means midnight."""


@dataclass(frozen=True)
class OwnField:
    """A field of an item. `choices` are the only values of a field of the kind `choice`."""

    kind: Kind
    choices: tuple[str, ...] = ()


Fields = Mapping[str, OwnField]

DOCUMENT_FIELDS: Fields = {
    "id": OwnField("id"),
    "filename": OwnField("text"),
    "file_type": OwnField("choice", SEARCHED_TYPES),
    "file_size": OwnField("number"),
    "status": OwnField("choice", ("stored", "processing", "ready", "error")),
    "created_at": OwnField("moment"),
    "updated_at": OwnField("moment"),
}
CONVERSATION_FIELDS: Fields = {
    "id": OwnField("id"),
    "title": OwnField("text"),
    "message_count": OwnField("number"),
    "created_at": OwnField("moment"),
    "updated_at": OwnField("moment"),
}


MESSAGE_FIELDS: Fields = {
    "id": OwnField("id"),
    "conversation_id": OwnField("id"),
    "position": OwnField("number"),
    "role": OwnField("choice", get_args(Role)),
    "name": OwnField("text"),
    "tool_call_id": OwnField("text"),
    "token_count": OwnField("number"),
    "created_at": OwnField("moment"),
}


def moment_of(text: str) -> datetime | None:
    """Return the timestamp in a text, in UTC, or None if it is not valid, such as February 30."""
    found = MOMENT.fullmatch(text)
    if found is None:
        return None
    zone = found["zone"] or "+00:00"
    try:
        moment = datetime.fromisoformat(f"{found['date']}T{found['time'] or '00:00:00'}{zone}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def value_of(value: Scalar, name: str, field: OwnField, place: str) -> Value:
    """Convert the value of a comparison to the type of the field.

    Raises:
        InvalidRequestError: it has a type with which the field can never be equal.
    """
    if field.kind == "number":
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise InvalidRequestError(f"{place} must be a number, as {name} is", field=place)
    if not isinstance(value, str):
        raise InvalidRequestError(f"{place} must be a string, as {name} is", field=place)
    if field.kind == "moment":
        moment = moment_of(value)
        if moment is None:
            raise InvalidRequestError(
                f"{place} must be a date or a timestamp, such as 2027-01-31 or 2027-01-31T12:00:00Z", field=place
            )
        return moment
    if field.kind == "id":
        try:
            return str(read_id(value))
        except ValueError:
            raise InvalidRequestError(f"{place} must be a UUID, as {name} is", field=place) from None
    if field.kind == "choice" and value not in field.choices:
        raise InvalidRequestError(
            f'{place} must be one of {", ".join(field.choices)}; for the {name} in the metadata, the key is ["{name}"]',
            field=place,
        )
    return value
