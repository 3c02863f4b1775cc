"""Query strings are read without evaluating the annotations of their types for each request."""

from __future__ import annotations

import msgspec
import pytest
from starlette.requests import Request

from svc.errors import InvalidFieldsError
from svc.web.query_strings import read_query


class Page(msgspec.Struct):
    """A query string."""

    limit: int = 20
    after: int | None = None


def request(query: bytes) -> Request:
    return Request({"type": "http", "query_string": query, "headers": []})


def test_the_annotations_are_evaluated_once_for_each_type(monkeypatch: pytest.MonkeyPatch) -> None:
    read_query(request(b"limit=3"), Page)
    monkeypatch.setattr(msgspec.structs, "fields", lambda type_: pytest.fail("the annotations are evaluated again"))

    assert read_query(request(b"limit=4&after=5"), Page) == Page(4, 5)


def test_only_a_null_that_is_sent_is_refused() -> None:
    assert read_query(request(b"limit=3"), Page) == Page(3)
    with pytest.raises(InvalidFieldsError):
        read_query(request(b"after=null"), Page)
