"""Describes wrong arguments of a tool, so that an assistant can correct them."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

_SENTENCES: Final = {
    "missing": "is required",
    "string_type": "must be a text",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_unicode": "contains half of a character; send whole characters",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be an integer",
    "int_from_float": "must be an integer",
}


def sentence_of(error: ValidationError) -> str:
    """Return one sentence for all wrong arguments. The library's own messages would quote the values."""
    return "; ".join(_sentence(dict(one)) for one in error.errors(include_url=False, include_input=False)[:10])


def _sentence(fault: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in fault["loc"]) or "the arguments"
    return f"{name} " + _SENTENCES.get(fault["type"], "is not valid").format(**fault.get("ctx", {}))
