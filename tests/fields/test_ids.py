"""The forms of an id in a path, a query or a header: those that a body of JSON accepts."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from svc.fields.ids import read_id

ID = "01a22893-9abd-795a-a9d7-21682a9141c5"
DIGITS = ID.replace("-", "")
NONE = [
    "", " ", f"{{{ID}}}", f"urn:uuid:{ID}", f" {ID}", f"{ID}\n", f"0x{DIGITS}", DIGITS[:-1], f"{DIGITS}0",
    ID.replace("-", "", 1), f"{DIGITS[:4]}-{DIGITS[4:]}",
    "".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in ID), ID.replace("a", "g"),
]  # fmt: skip


@pytest.mark.parametrize("text", [ID, ID.upper(), DIGITS, DIGITS.upper()])
def test_an_id_has_hyphens_or_none(text: str) -> None:
    assert read_id(text) == UUID(ID) == msgspec.convert(text, UUID)


@pytest.mark.parametrize("text", NONE)
def test_no_other_text_is_an_id(text: str) -> None:
    with pytest.raises(ValueError, match="no UUID"):
        read_id(text)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, UUID)
