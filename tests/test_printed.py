"""Data that the commands print cannot control a terminal, forge a line, or disappear as markup."""

from __future__ import annotations

import asyncio
import json
import subprocess
from io import BytesIO

import pytest

from svc.database.queries import Database
from tests.server_process import CABINET, clean_environment
from tests.tenants.files import exported, file_of, lines_of
from tests.tenants.made_up import make_large_user
from tests.tenants.test_moving import connected

HOSTILE = "[bold]x[/] [/nothing]\x1b[31m\x1b]0;title\x07\r\nplan  pro\x9b31m\u202e"
ESCAPED = r"[bold]x[/] [/nothing]\x1b[31m\x1b]0;title\x07\r\nplan  pro\x9b31m\u202e"


def run(url: str, *words: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """The exit code and the output of a command, which must not contain control characters."""
    done = subprocess.run(
        [*CABINET, *words],
        env=clean_environment(DATABASE_URL=url, COLUMNS="200"),
        input=stdin, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    printed = done.stdout.decode(), done.stderr.decode()
    for text in printed:
        assert all(line.isprintable() for line in text.split("\n")), text
    return done.returncode, *printed


async def test_names_in_tables_and_answers(database: Database, database_url: str) -> None:
    user_id = await make_large_user(database, documents=1, chunks_each=1, conversations=0, messages_each=0)
    async with connected(database_url) as observer:
        await observer.execute("update users set name = $1", HOSTILE)
        await observer.execute("update users set email = '[/red][x]@example.com'")
        await observer.execute("insert into usage_days (user_id, day, slot) select id, current_date, 0 from users")
    code, printed, _ = await asyncio.to_thread(run, database_url, "user", "show", str(user_id))
    assert code == 0
    assert f"name  {ESCAPED}\n" in printed
    assert [line for line in printed.splitlines() if line.startswith("plan ")] == ["plan  free"]
    code, printed, _ = await asyncio.to_thread(run, database_url, "usage", "users")
    assert code == 0
    assert "[/red][x]@example.com" in printed
    code, printed, _ = await asyncio.to_thread(
        run, database_url, "sql", "explain", "users/create", "--custom", "--arg", f"name={HOSTILE}",
        "--arg", "email=a@example.com",
    )  # fmt: skip
    assert code == 0
    code, printed, _ = await asyncio.to_thread(
        run, database_url, "sql", "explain", "users/create", "--format", "json", "--arg", f"name={HOSTILE}"
    )
    assert json.loads(printed)["statement"] == "users/create"


async def test_the_words_of_a_crafted_export(database: Database, database_url: str) -> None:
    user_id = await make_large_user(database, documents=1, chunks_each=1, conversations=0, messages_each=0)
    lines = lines_of(await exported(database, user_id))
    async with connected(database_url) as observer:
        await observer.execute("delete from users")
    hostile: list[BytesIO] = []
    for at, changes in (
        (1, {HOSTILE: 1}), (1, {"line": HOSTILE}), (2, {"filename": 5, HOSTILE: HOSTILE}),
        (0, {"embedding_model": HOSTILE}), (0, {"migration": HOSTILE, HOSTILE: 1}),
    ):  # fmt: skip
        changed = [dict(line) for line in lines]
        changed[at] |= changes
        hostile.append(file_of(changed, ensure_ascii=True))
    for file in hostile:
        code, _, errors = await asyncio.to_thread(run, database_url, "import", "-", stdin=file.getvalue())
        assert code == 2
        assert errors.splitlines()[-1].startswith("cabinet: ")
    lines[1]["plan"] = HOSTILE
    code, printed, errors = await asyncio.to_thread(
        run, database_url, "import", "-", stdin=file_of(lines, ensure_ascii=True).getvalue()
    )
    assert code == 0, errors
    assert f"the plan in the file is {ESCAPED};" in printed


@pytest.mark.parametrize("words", [("doctor", "--only", HOSTILE), (HOSTILE,), ("user", "show", HOSTILE)])
async def test_a_word_that_is_refused(database_url: str, words: tuple[str, ...]) -> None:
    code, _, errors = await asyncio.to_thread(run, database_url, *words)
    assert code in (2, 3)
    assert errors


async def test_sixty_megabytes_of_brackets_are_a_sentence(database_url: str) -> None:
    code, _, errors = await asyncio.to_thread(run, database_url, "import", "-", stdin=b"[" * 60_000_000)
    assert code == 2
    assert errors.startswith("cabinet: line 1: ")
    assert len(errors.splitlines()) == 1
