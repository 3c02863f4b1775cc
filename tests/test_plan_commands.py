"""`cabinet plan`, `cabinet usage` and the plans of `cabinet user`, on a new database."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import date
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner

from svc.cli.main import main


async def cabinet(url: str, *words: str, exit_code: int = 0) -> str:
    """The output of a command, run in a thread, since it has its own event loop."""
    result = await asyncio.to_thread(CliRunner().invoke, main, [*words, "--database-url", url])
    assert result.exit_code == exit_code, result.output
    # Warnings on a busy machine go to the log, on the other stream.
    return str(result.output if exit_code else result.stdout)


def cells(output: str) -> list[list[str]]:
    """The rows of the printed table, beginning with its heading."""
    lines = [line for line in output.splitlines() if re.match("[┃│]", line)]
    return [[cell.strip() for cell in re.split("[┃│]", line)[1:-1]] for line in lines]


@pytest.fixture(autouse=True)
def in_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do nothing: only the main thread handles signals, and none is sent here."""
    monkeypatch.setattr("signal.signal", lambda *_: None)


async def test_plans_and_usage_from_the_command_line(database_url: str) -> None:
    printed = await cabinet(database_url, "plan", "set", "free", "--documents", "5", "--tokens-per-month", "none")
    assert cells(printed)[1] == [
        "free", "5", "100,000", "1,073,741,824", "10,000", "100,000", "100", "none", "600",
    ]  # fmt: skip
    assert [row[0] for row in cells(await cabinet(database_url, "plan", "list"))] == [
        "plan", "enterprise", "free", "pro",
    ]  # fmt: skip
    refused = await cabinet(database_url, "plan", "set", "free", "--chunks", "many", exit_code=2)
    assert "--chunks must be an integer from 0 to 9007199254740991, or none" in refused

    added = await cabinet(database_url, "plan", "add", "team", "--chunks", "9", "--bytes", "none", "--keys", "3")
    assert cells(added)[1] == ["team", "none", "9", "none", "none", "none", "3", "none", "none"]
    assert "the plan team already exists" in await cabinet(database_url, "plan", "add", "team", exit_code=2)
    assert "name must" in await cabinet(database_url, "plan", "add", "The Team", exit_code=2)
    unknown = await cabinet(database_url, "plan", "set", "gold", exit_code=2)
    assert "there is no such plan; the plans are enterprise, free, pro, team" in unknown

    created = await cabinet(database_url, "user", "create", "a@example.org")
    user_id = created.split()[1]
    assert await cabinet(database_url, "user", "set-plan", user_id, "enterprise") == "plan enterprise\n"
    assert cells(await cabinet(database_url, "user", "show", user_id))[1] == ["documents", "0", "any number"]
    for words in (["user", "create", "b@example.org", "--plan", "gold"], ["user", "set-plan", user_id, "gold"]):
        refused = await cabinet(database_url, *words, exit_code=2)
        assert "plan must be one of enterprise, free, pro, team, not 'gold'" in " ".join(refused.split())
    nobody = "0198c0de-0000-7000-8000-000000000000"
    for words in (["user", "show", nobody], ["user", "set-plan", nobody, "pro"], ["usage", "recount", nobody]):
        assert "there is no" in await cabinet(database_url, *words, exit_code=2)

    await use(database_url, user_id)
    span = ["--from", "2026-01-01", "--to", "2026-02-28"]
    by_month = cells(await cabinet(database_url, "usage", "show", user_id, *span, "--by", "month"))
    assert by_month[1:] == [
        ["2026-01-01", "0", "0", "2", "0", "0", "1,500"],
        ["2026-02-01", "0", "0", "1", "0", "0", "7"],
    ]
    users = cells(await cabinet(database_url, "usage", "users", *span, "--sort", "uploads"))
    assert users[1:] == [[user_id, "a@example.org", "enterprise", "0", "0", "3", "0", "0", "1,507"]]
    assert await cabinet(database_url, "usage", "recount", user_id) == (
        "documents: 0, before: 4\nbytes: 0, before: 0\nchunks: 0, before: 9\n"
        "conversations: 0, before: 2\nmessages: 0, before: 3\napi keys: 1, before: 5\n"
    )
    wrong = ["usage", "users", "--from", "2026-02-01", "--to", "2026-01-01"]
    assert "must not be after to" in await cabinet(database_url, *wrong, exit_code=2)


async def use(url: str, user_id: str) -> None:
    """Rows of the ledger, and counts that are wrong."""
    connection: Any = await asyncpg.connect(url)
    try:
        for day, uploads, tokens in (
            (date(2026, 1, 1), 1, 1000),
            (date(2026, 1, 31), 1, 500),
            (date(2026, 2, 2), 1, 7),
        ):
            await connection.execute(
                "insert into usage_days (user_id, day, slot, uploads, tokens) values ($1::uuid, $2, 3, $3, $4)",
                user_id, day, uploads, tokens,
            )  # fmt: skip
        await connection.execute(
            "update tenant_totals set chunk_count = 9, document_count = 4, conversation_count = 2, message_count = 3, "
            "key_count = 5 where user_id = $1::uuid",
            user_id,
        )
    finally:
        await connection.close()


async def test_the_commands_of_accounts_print_json(database_url: str) -> None:
    async def rows(*words: str) -> list[Any]:
        return [json.loads(line) for line in (await cabinet(database_url, *words, "--json")).splitlines()]

    created = json.loads(await cabinet(database_url, "user", "create", "json@example.com", "--json"))
    key = json.loads(await cabinet(database_url, "key", "create", created["user"], "--name", "laptop", "--json"))
    shown = json.loads(await cabinet(database_url, "user", "show", created["user"], "--json"))
    await use(database_url, created["user"])
    keys = await rows("key", "list", created["user"])
    periods = await rows("usage", "show", created["user"], "--from", "2026-01-01", "--to", "2026-01-31")
    users = await rows("usage", "users", "--from", "2026-01-01", "--to", "2026-01-31")

    assert created["key"].startswith("cab_")
    assert shown["user"]["email"] == "json@example.com"
    assert {quota["quota"] for quota in shown["quotas"]} >= {"documents", "bytes"}
    assert [(row["name"], row["id"] == key["id"]) for row in keys] == [("laptop", True), ("first key", False)]
    assert not any("hash" in name for row in keys for name in row)
    assert {row["name"] for row in await rows("plan", "list")} >= {shown["user"]["plan"]}
    assert [(row["period"], row["uploads"]) for row in periods] == [("2026-01-01", 1), ("2026-01-31", 1)]
    assert [row["user_id"] for row in users] == [created["user"]]
    assert {row["state"] for row in await rows("migrate", "status")} == {"applied"}
    assert {"table": "documents", "is_on": False} in await rows("rls", "status")
