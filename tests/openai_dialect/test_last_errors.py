"""The codes of files that could not be read."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from svc.routes.openai.store_files import store_file_of

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def failed(**columns: Any) -> Any:
    row = SimpleNamespace(
        document_id=uuid.uuid4(),
        reading_id=uuid.uuid4(),
        collection_id=uuid.uuid4(),
        file_type="pdf",
        file_size=5,
        status="error",
        error=None,
        attributes={},
        chunk_sizes=None,
        created_at=NOW,
    )
    vars(row).update(columns)
    return store_file_of(cast(Any, row))


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"error": "the file is damaged"}, "invalid_file"),
        ({"file_type": "other", "error": "the type is unknown"}, "unsupported_file"),
        ({"error": "gave up after 3 attempts: the embedding endpoint answered 500"}, "server_error"),
        ({"file_type": "other", "error": "gave up after 2 attempts: each time the worker died"}, "server_error"),
        ({}, "invalid_file"),
    ],
)
def test_the_code_says_whose_fault_it_is(columns: dict[str, Any], code: str) -> None:
    file = failed(**columns)

    assert (file.status, file.usage_bytes) == ("failed", 0)
    assert (file.last_error.code, file.last_error.message) == (code, columns.get("error", "the file could not be read"))


def test_a_file_that_was_read_has_no_error() -> None:
    # The reason why it could not be split again stays in the otherwise unchanged document.
    file = failed(status="ready", error="gave up after 3 attempts: too long")
    assert (file.status, file.last_error, file.usage_bytes) == ("completed", None, 5)
