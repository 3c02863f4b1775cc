"""The faults of single fields of a request. An error lists one or more of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar


@dataclass(frozen=True)
class FieldFault:
    """The fault of one field of a request. `detail` is a sentence that names the field.

    `code` is the code in the OpenAI dialect.
    """

    field: str
    detail: str
    code: ClassVar[str | None] = None


class MissingField(FieldFault):
    """A required field is missing."""

    code = "missing_required_parameter"


class UnknownField(FieldFault):
    """There is no such field."""

    code = "unknown_parameter"


class WrongType(FieldFault):
    """The value of a field has the wrong type, such as a string for a number."""

    code = "invalid_type"


class WrongValue(FieldFault):
    """The value of a field has the right type, but is not allowed."""

    code = "invalid_value"


@cache
def fault_with(code: str) -> type[FieldFault]:
    """Return the type of fault for a code of the OpenAI dialect."""
    return type("FieldFault", (FieldFault,), {"code": code})
