"""The phrases that describe expected values, for the types of every route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from svc.app import all_endpoints
from svc.fields.phrases import expectation
from svc.fields.validation import faults_of, faults_of_json

TYPES = [
    type_
    for endpoint in all_endpoints()
    for type_ in (endpoint.body, endpoint.query, endpoint.extra.get("upload"))
    if type_ is not None
]


def fields_of(info: inspect.Type, path: str) -> Iterator[tuple[str, inspect.Type, bool]]:
    """Every type inside a type: its path, the type, and whether a phrase describes its form."""
    has_form = False
    if isinstance(info, inspect.Metadata):
        has_form = "form" in (info.extra or {})
        info = info.type
    yield path, info, has_form
    if isinstance(info, inspect.UnionType):
        for option in info.types:
            yield from fields_of(option, path)
    elif isinstance(info, inspect.ListType):
        yield from fields_of(info.item_type, f"{path}[]")
    elif isinstance(info, inspect.StructType):
        for field in info.fields:
            yield from fields_of(field.type, f"{path}.{field.encode_name}")


FIELDS = [field for type_ in TYPES for field in fields_of(inspect.type_info(type_), getattr(type_, "__name__", "body"))]


def test_every_type_of_a_request_has_a_phrase() -> None:
    assert len(FIELDS) > 100
    for type_ in TYPES:
        assert "another value" not in expectation(type_)
        for field in msgspec.structs.fields(type_) if hasattr(type_, "__struct_fields__") else ():
            assert "another value" not in expectation(field.type), field.name


def test_a_pattern_is_described_in_words() -> None:
    """A regular expression is not readable, so `extra` describes the form."""
    patterns = [(path, has_form) for path, info, has_form in FIELDS if getattr(info, "pattern", None) is not None]
    assert patterns
    assert [path for path, has_form in patterns if not has_form] == []


class Inner(msgspec.Struct, tag="inner", tag_field="kind"):
    """One of two structs."""

    number: int


class Other(msgspec.Struct, tag="other", tag_field="kind"):
    """The other one."""


@pytest.mark.parametrize(
    ("body", "type_", "expected"),
    [
        (b'{"kind": "inner", "number": "1"}', Inner | Other, ("number", "number must be an integer, not a string")),
        (b'{"kind": "third"}', Inner | Other, ("kind", "kind must be one of inner, other, not 'third'")),
        (b'[{"kind": "inner"}]', list[Inner], ("[0].number", "[0].number is required: an integer")),
        (b"[1e999]", list[float], ("[0]", "[0] must be a number; it is too large")),
        (b" " * 5_000_000 + b'{"kind": "inner", "number": "1"}', Inner, ("number", "number must be an integer")),
        (b" " * 5_000_000 + b'{"kind": "inner"}', Inner, ("number", "number is required")),
    ],
)
def test_the_fault_is_found_whatever_can_be_decoded_again(body: bytes, type_: Any, expected: tuple[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.json.decode(body, type=type_)
    assert [(fault.field, fault.detail) for fault in faults_of_json(body, type_, error.value)] == [expected]


def test_a_valid_value_has_no_faults() -> None:
    assert faults_of({"kind": "inner", "number": 1}, Inner) == []
