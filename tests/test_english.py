"""The reader of prose finds a planted phrase in each kind of file, and leaves code and plain sentences alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.english import stumbles


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("page.md", "Rows are counted.\nOf each row the server keeps a copy.\n", 2),
        ("page.md", "| `x` | The plan is read anew. |\n", 1),
        ("statement.sql", "-- users/get :one\n-- Who is told of it.\nselect 1;\n", 2),
        ("module.py", 'def f() -> None:\n    """Mends what is broken."""\n', 2),
        ("module.py", "x = 1  # a fault of ours\n", 1),
        ("module.py", 'raise ValueError("the index is to be built anew")\n', 1),
        ("module.py", '"""Refuses whoever has no key."""\n', 1),
        ("module.py", "# A user is created at first sight.\n", 1),
        ("module.py", "# It compares the key with what is stored.\n", 1),
        ("page.md", "The worker erases\nwhat is left of the document.\n", 2),
        ("module.py", '"""The most files of one batch."""\n', 1),
        ("module.py", "# The key waits for so many seconds.\n", 1),
        ("module.py", 'raise ValueError("it is no id of this kind")\n', 1),
        ("page.md", "A share can be taken back.\n", 1),
        ("page.md", "The server drops rows without a word.\n", 1),
        ("module.py", 'def f() -> None:\n    """Revoke a key. This holds at once."""\n', 2),
        ("page.md", "Revoked keys are listed, too.\n", 1),
        ("module.py", "def test_what_is_wrong_is_refused() -> None:\n    pass\n", 1),
        ("module.py", "class TestKeys:\n    async def test_a_reader_is_told(self) -> None:\n        pass\n", 2),
        ("module.py", "def test_the_tables_are_built_anew(rows: int) -> None:\n    pass\n", 1),
        ("page.md", "Revoked keys are listed as well.\n", 1),
        ("module.py", "# Reading it takes some 30 ms.\n", 1),
        ("module.py", 'x = "ids with commas between them"\n', 1),
        (
            "statement.sql",
            "-- users/list :many\n-- Users.\n-- $1 after uuid null  the id of the page before; null: none\n",
            3,
        ),
    ],
)
def test_a_planted_phrase_is_found(tmp_path: Path, name: str, text: str, line: int) -> None:
    path = tmp_path / name
    path.write_text(text)

    assert [stumble.line for stumble in stumbles(path)] == [line]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "Of course, the index is rebuilt. The size of each row is bounded.\n"),
        ("statement.sql", "-- users/get :one\n-- One user.\nselect anew from mend;\n"),
        ("module.py", "anew = mend(by_lot)\ndef what_is_told() -> None:\n    test_what = of_those()\n"),
        ("module.py", "def test_a_search_finds_what_numpy_finds_in_those_rows() -> None:\n    pass\n"),
        ("page.md", "Compare it with what you expect, and with the one before. What is left?\n"),
        (
            "page.md",
            "The most recent rows of a table rank as well as others; it is no longer too slow for some users.\n",
        ),
    ],
)
def test_plain_sentences_and_code_are_left_alone(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)

    assert stumbles(path) == []
