"""The checksum of a migration changes with its statements, and not with its comments."""

from __future__ import annotations

import pytest

from svc.migrations.files import checksum

TEXT = """create table t (
    -- A comment.
    id int default 1, note text default 'two  words -- kept'
);"""
BODY = "do $body$\nbegin\n    -- kept by the server\n    perform 1;\nend\n$body$;"


@pytest.mark.parametrize(
    ("text", "good", "bad", "is_same"),
    [
        (TEXT, "    -- A comment.\n", "", True),
        (TEXT, "-- A comment.", "/* Another one. */", True),
        (TEXT, "(\n", "( ", True),
        (TEXT, "int default", "int\n    default", True),
        (TEXT, "int", "bigint", False),
        (TEXT, "default 1", "default 11", False),
        (TEXT, "two  words", "two words", False),
        (TEXT, "-- kept", "-- changed", False),
        (TEXT, "default 1,", "default 1 not null,", False),
        (BODY, "kept by the server", "changed", False),
        (BODY, "do $body$", "do -- Why.\n$body$", True),
    ],
)  # fmt: skip
def test_comments_and_lines_may_change_and_nothing_else(text: str, good: str, bad: str, is_same: bool) -> None:
    assert good in text

    assert (checksum([text.replace(good, bad, 1)]) == checksum([text])) == is_same


def test_an_added_or_moved_statement_changes_the_checksum() -> None:
    one, other = "select 1;", "select 2;"

    assert len({checksum([one]), checksum([one, one]), checksum([one, other]), checksum([other, one])}) == 4
