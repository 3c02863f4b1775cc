"""The checks of text and JSON, and that the database returns all accepted values unchanged."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from svc.database.queries import Database
from svc.errors import InvalidRequestError
from svc.fields.values import MAX_METADATA_BYTES, MAX_METADATA_DEPTH, check_metadata, check_moment, check_text

CHARACTERS = (
    "aZ09 \t\n\\\"'/%$:;,{}[]\u0001\u001f\u007f\u0080\u00e9\u0301\u2028\u202e\u200d\ufeff\ufffe\uffff🦊\U0010ffff"
)
NUMBERS = [
    0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 0.1, -0.0, 1.0, 1e-7, 1.5e18, 5e-324, 2.2250738585072014e-308,
    123456789.123456789, -9.2e18, 9007199254740993.0,
]  # fmt: skip


def refused(value: dict[str, Any]) -> str | None:
    """The faulty field, or None."""
    try:
        check_metadata(value, "metadata")
    except InvalidRequestError as error:
        assert error.detail
        return error.field
    return None


def nested(depth: int, bottom: Any) -> Any:
    """`bottom` inside this number of alternating objects and lists."""
    value = bottom
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return value


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"a": "\x00"}, "metadata.a"),
        ({"a": ["x", {"b": ["y", "z\x00"]}]}, "metadata.a[1].b[1]"),
        ({"\x00": 1}, "metadata (a key)"),
        ({"a": {"b\x00": 1}}, "metadata.a (a key)"),
        ({"a": "\ud800"}, "metadata.a"),
        ({"\udfff": 1}, "metadata (a key)"),
        ({"n": 2**63}, "metadata.n"),
        ({"n": [0, -(2**63) - 1]}, "metadata.n[1]"),
        ({"n": 1e19}, "metadata.n"),
        ({"n": -1e300}, "metadata.n"),
        ({"n": float("inf")}, "metadata.n"),
        ({"n": float("nan")}, "metadata.n"),
    ],
)
def test_a_value_that_cannot_be_stored_is_named(value: dict[str, Any], field: str) -> None:
    assert refused(value) == field


def test_the_depth_is_limited_to_the_level() -> None:
    assert refused({"a": nested(MAX_METADATA_DEPTH - 2, 1)}) is None
    assert refused({"a": nested(MAX_METADATA_DEPTH - 1, 1)}) is not None
    assert refused({"a": nested(MAX_METADATA_DEPTH - 2, [])}) is None


def test_any_depth_is_refused_without_following_it() -> None:
    assert refused({"a": nested(100_000, 1)}) is not None


def test_the_size_is_limited_to_the_byte() -> None:
    empty = len(msgspec.json.encode({"text": ""}))
    assert refused({"text": "x" * (MAX_METADATA_BYTES - empty)}) is None
    assert refused({"text": "x" * (MAX_METADATA_BYTES - empty + 1)}) == "metadata"
    assert refused({"text": "é" * ((MAX_METADATA_BYTES - empty) // 2 + 1)}) == "metadata", "bytes, not characters"


def test_the_size_is_checked_before_the_contents() -> None:
    """A large value is not traversed, so its inner fault is not found."""
    assert refused({"a": ["\x00"] * MAX_METADATA_BYTES}) == "metadata"


def test_the_path_of_a_fault_is_shortened() -> None:
    field = refused({"k" * 8000: [0] * 3000 + ["\x00"]})
    assert field is not None
    assert len(field) < 100
    assert field.startswith("metadata.kkk")


@pytest.mark.parametrize("text", ["", "plain", "\u0001\u001f\u007f", "🦊\U0010ffff\ufffe", "a" * 1_000_000])
def test_all_other_text_is_accepted(text: str) -> None:
    check_text(text, "title")


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud83e", "a\udd8a", "\udd8a\ud83e"])
def test_text_that_cannot_be_stored_is_named(text: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        check_text(text, "title")
    assert error.value.field == "title"


def test_a_timestamp_outside_the_calendar_is_named() -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    for moment in (first, last):
        check_moment(moment, "after")
    for moment, hours in ((first, 1), (last, -1)):
        with pytest.raises(InvalidRequestError) as error:
            check_moment(moment.replace(tzinfo=timezone(timedelta(hours=hours))), "after")
        assert error.value.field == "after"


def made_up(generator: random.Random, depth: int = 0) -> Any:
    """An unusual JSON value."""
    kind = generator.randrange(7 if depth < 6 else 5)
    if kind == 0:
        return generator.choice([None, True, False])
    if kind == 1:
        return generator.choice(NUMBERS)
    if kind == 2:
        return generator.uniform(-1, 1) * 10.0 ** generator.randrange(-320, 18)
    if kind in (3, 4):
        return "".join(generator.choices(CHARACTERS, k=generator.randrange(12)))
    items = [made_up(generator, depth + 1) for _ in range(generator.randrange(4))]
    if kind == 5:
        return items
    return {"".join(generator.choices(CHARACTERS, k=generator.randrange(6))): item for item in items}


async def test_all_accepted_values_are_returned_unchanged(database: Database) -> None:
    """The values pass through the decoder, the check, jsonb and the encoder, and are compared with a client's
    decoder."""
    generator = random.Random(20)
    user = await database.one(
        "users/create",
        email="a@example.org",
        name=None,
        plan="free",
        preferences={},
        external_id=None,
        key_prefix="",
        key_hash=b"x" * 32,
    )
    assert user is not None
    kept = 0
    for number in range(300):
        sent = json.dumps({"value": made_up(generator), "n": number})
        value = msgspec.json.decode(sent)
        if refused(value) is not None:
            continue
        kept += 1
        row = await database.one(
            "users/update",
            user_id=user.id,
            email=None,
            set_name=False,
            name=None,
            plan=None,
            preferences=value,
            set_external_id=False,
            external_id=None,
        )
        assert row is not None
        assert json.loads(msgspec.json.encode(row.preferences)) == json.loads(sent)
    assert kept > 250
