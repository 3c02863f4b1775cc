"""Transactions that store rows keep their plans, including those of the checks of foreign keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from svc.database.queries import Database, Transaction
from svc.database.statements import Statement, load_statements
from svc.ingest.queue import Queue
from svc.resources import resource_folder
from tests.conftest import running_service, test_settings
from tests.database.conftest import make_user
from tests.routes.tenants import new_tenant
from tests.terms.stored import ingest, upload

ROOT = Path(__file__).parents[2]
# These delete only a few rows, or the remains of an incomplete import or upload.
PLANNED_FOR_EACH_ROW = {
    "import/drop_unowned_contents",
    "import/drop_vanished_conversations",
    "import/drop_vanished_documents",
    "uploads/delete_expired",
}
_MODE = "select current_setting('plan_cache_mode')"
Ran = dict[str, tuple[str, bool]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """For each statement that ran in a transaction: the plans of its last run, and whether one plan fits all values."""
    found: Ran = {}
    original = Transaction._connection

    class Noting:
        def __init__(self, statement: Statement, inner: AbstractAsyncContextManager[Any]) -> None:
            self.statement, self.inner = statement, inner

        async def __aenter__(self) -> Any:
            connection = await self.inner.__aenter__()
            mode = str(await connection.fetchval(_MODE))
            found[self.statement.name] = (mode, self.statement.is_generic or self.statement.shape == "copy")
            return connection

        async def __aexit__(self, *error: Any) -> None:
            await self.inner.__aexit__(*error)

    def noting(self: Transaction, statement: Statement, values: Sequence[Any]) -> AbstractAsyncContextManager[Any]:
        return Noting(statement, original(self, statement, values))

    monkeypatch.setattr(Transaction, "_connection", noting)
    return found


async def test_the_plans_of_a_transaction_that_stores_a_document_are_kept(database: Database, ran: Ran) -> None:
    user_id = await make_user(database)
    queue = Queue(database, "test", 60)
    await upload(database, user_id, "a.txt")
    await ingest(queue, ["one"])
    await upload(database, user_id, "a.txt", replaces="a.txt")
    await ingest(queue, ["two", "three"])

    modes = {name: mode for name, (mode, _) in ran.items()}
    assert modes.pop("jobs/limit_transaction") == "force_custom_plan"
    assert {"ingest/complete", "ingest/write_chunks", "ingest/write_terms", "ingest/replace"} < modes.keys()
    assert {*modes.values()} == {"force_generic_plan"}
    async with database.pool.connection() as connection:
        assert await connection.fetchval(_MODE) == "force_custom_plan", "the connection plans each run again"


async def test_the_plans_of_a_transaction_that_stores_messages_are_kept(database_url: str, ran: Ran) -> None:
    async with running_service(test_settings(), database_url) as service:
        tenant = await new_tenant(service)
        conversation = await tenant.conversation()
        await tenant.say(conversation["id"], {"role": "user", "content": "hello"})
        await tenant.embedded(conversation["id"])

    kept = {name for name, (mode, _) in ran.items() if mode == "force_generic_plan"}
    assert {"message_jobs/keep", "message_jobs/write_vectors", "message_jobs/write_terms"} <= kept
    assert "message_jobs/finish" not in kept, "its plan depends on the length of the conversation"
    assert {name for name in kept if not ran[name][1]} == set(), "these need `plan: generic` in their headers"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("documents/delete", {"document_ids": [UUID(int=1)], "max_parts": 100}),
        ("conversations/delete", {"conversation_id": UUID(int=1), "max_messages": 100}),
        ("users/delete", {}),
    ],
)
async def test_the_plans_of_cascades_are_kept_until_the_transaction_ends(
    database: Database, name: str, values: dict[str, Any]
) -> None:
    statement = database.statements[name]
    run = {"exec": Database.exec_by_name, "value": Database.value_by_name, "one": Database.one_by_name}[statement.shape]
    async with database.transaction() as transaction:
        await run(transaction, name, {"user_id": UUID(int=1), **values})
        async with transaction._connection(statement, [UUID(int=1)]) as connection:
            assert await connection.fetchval(_MODE) == "force_generic_plan", "even if nothing is deleted"
    async with database.pool.connection() as connection:
        assert await connection.fetchval(_MODE) == "force_custom_plan"


def test_whatever_deletes_rows_that_others_refer_to_has_plans_kept() -> None:
    referred = re.findall(r"FOREIGN KEY .* REFERENCES public\.(\w+)\(", (ROOT / "schema.sql").read_text())
    deletes = re.compile(rf"\bdelete from ({'|'.join(sorted({*referred}))})\b")
    faulty = {
        name
        for name, statement in load_statements(resource_folder("sql")).items()
        if deletes.search(statement.body) and "planned_once" not in statement.body and not statement.is_generic
    }
    assert faulty == PLANNED_FOR_EACH_ROW
