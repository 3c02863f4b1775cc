"""Whether a request's head is still arriving, or must be answered: it is complete, or already not valid HTTP."""

from __future__ import annotations

import re

_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_FIRST_LINE = re.compile(rb"(?:\r?\n)?[A-Z-]{1,32}+ [!-\xff]++ HTTP/1\.[01]\r?\n")
# An atomic group: before 3.11.5, Python does not go back after an incomplete possessive repetition of another group.
_FIELDS = re.compile(rb"(?>" + _NAME + rb"++:[\t\x20-\xff]*+\r?\n)*+")
# The possible ends of an incomplete head.
_PART_OF_FIRST_LINE = re.compile(
    rb"(?:\r?\n?)(?:[A-Z-]{0,32}+(?: [!-\xff]*+(?: (?:H(?:T(?:T(?:P(?:/(?:1(?:\.(?:[01]\r?)?)?)?)?)?)?)?)?)?)?)"
)
_PART_OF_FIELD = re.compile(_NAME + rb"*+|" + _NAME + rb"++:[\t\x20-\xff]*+\r?")


def lines_of_part(head: bytes, known: int = 0) -> int | None:
    """Return where the complete lines of an incomplete head end, 0 without one; None if no part is missing.

    The result is also None for a head that is not valid HTTP, whatever follows. `known` is the result for an earlier
    part of the same head: each line is read once, however slowly the head arrives.
    """
    if not known:
        first = _FIRST_LINE.match(head)
        if first is None:
            return 0 if _PART_OF_FIRST_LINE.fullmatch(head) else None
        known = first.end()
    fields = _FIELDS.match(head, known)
    assert fields is not None, "it matches no field, too"
    return fields.end() if _PART_OF_FIELD.fullmatch(head, fields.end()) else None
