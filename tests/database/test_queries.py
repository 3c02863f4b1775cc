"""Running statements by name on a real PostgreSQL: results, refusals, and names on the server."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from pgvector import HalfVector

from svc import metrics
from svc.database.failures import ConstraintError
from svc.database.queries import Database, Transaction
from svc.database.rows import IngestWriteChunks, IngestWriteVectors
from svc.database.statistics import collect_statistics
from svc.errors import InvalidRequestError, UnavailableError
from svc.search.filters import Filters
from svc.vectors.signatures import signatures
from tests.database.conftest import Plant, make_document, make_user, until


async def test_one_returns_a_row_or_none(database: Database) -> None:
    user_id = await make_user(database)

    row = await database.one("users/get", user_id=user_id)

    assert row is not None
    assert row.email == "ada@example.org"
    assert await database.one("users/get", user_id=uuid4()) is None


async def test_many_returns_rows_in_the_order_of_the_statement(database: Database) -> None:
    user_id = await make_user(database)
    made = [await make_document(database, user_id, f"{number}.txt") for number in range(3)]

    rows = await database.many("documents/list", user_id=user_id, after=None, max_rows=2)

    assert [row.id for row in rows] == made[:0:-1]
    rest = await database.many("documents/list", user_id=user_id, after=rows[-1].id, max_rows=2)
    assert [row.id for row in rest] == made[:1]
    assert list(await database.many("documents/list", user_id=uuid4(), after=None, max_rows=2)) == []


async def test_value_returns_the_first_column_or_none(database: Database) -> None:
    assert await database.value("ingest/next_due") is None
    await make_document(database, await make_user(database))

    due_in_s = await database.value("ingest/next_due")
    assert due_in_s is not None
    assert due_in_s <= 0


async def test_exec_returns_the_number_of_changed_rows(database: Database) -> None:
    user_id = await make_user(database)
    document_id = await make_document(database, user_id)

    assert await database.exec("documents/delete", user_id=user_id, document_ids=[uuid4()], max_parts=100) == 0
    assert await database.exec("documents/delete", user_id=user_id, document_ids=[document_id], max_parts=100) == 1


async def test_copy_stores_every_row_with_its_vector(database: Database) -> None:
    user_id = await make_user(database)
    document_id = await make_document(database, user_id)
    ids = [row.id for row in await database.many("ingest/chunk_ids", chunk_count=3)]
    vectors = np.eye(3, 256, dtype=np.float16)

    chunks = [
        IngestWriteChunks(
            user_id=user_id, id=id_, document_id=document_id, chunk_index=n, content=f"chunk {n}", token_count=2,
            metadata={"page": n}, content_hash=UUID(int=n),
        )
        for n, id_ in enumerate(ids)
    ]  # fmt: skip
    assert await database.copy("ingest/write_chunks", rows=chunks) == 3
    marks = signatures(vectors)
    rows = [
        IngestWriteVectors(
            user_id=user_id, chunk_id=ids[n], document_id=document_id, embedding=vectors[n], signature=marks[n]
        )
        for n in range(3)
    ]
    assert await database.copy("ingest/write_vectors", rows=rows) == 3

    stored = await database.many(
        "chunks/list_by_document", user_id=user_id, document_id=document_id, after=-1, max_rows=10
    )
    assert [(row.id, row.content, row.metadata) for row in stored] == [
        (ids[n], f"chunk {n}", {"page": n}) for n in range(3)
    ]
    found = await database.many(
        "search/exact", user_id=user_id, embedding=vectors[1], metric="cosine", threshold=None,
        **Filters().arguments, max_rows=1,
    )  # fmt: skip
    assert [(row.chunk_id, row.similarity) for row in found] == [(ids[1], 1.0)]


async def test_chunk_ids_increase(database: Database) -> None:
    ids = [row.id for row in await database.many("ingest/chunk_ids", chunk_count=5000)]

    assert len(set(ids)) == 5000
    assert ids == sorted(ids)
    assert {id_.version for id_ in ids} == {7}


async def test_missing_and_unknown_arguments_are_refused_before_the_database(database: Database) -> None:
    refused: list[tuple[dict[str, object], str]] = [
        ({}, "sql/users/get.sql takes ['user_id'], not []"),
        ({"user_id": uuid4(), "name": "x"}, "takes ['user_id'], not ['name', 'user_id']"),
        ({"id": uuid4()}, "takes ['user_id'], not ['id']"),
    ]
    for arguments, said in refused:
        with pytest.raises(TypeError) as error:
            await database.one_by_name("users/get", arguments)
        assert said in str(error.value)


async def test_an_unknown_statement_or_one_of_another_shape_is_refused(database: Database) -> None:
    with pytest.raises(LookupError, match=r"there is no file sql/users/gone\.sql"):
        await database.one_by_name("users/gone", {})
    with pytest.raises(LookupError, match=r"sql/users/get\.sql is :one, called as :many"):
        await database.many_by_name("users/get", {"user_id": uuid4()})


async def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        async with database.transaction() as transaction:
            await make_user(transaction, "first@example.org")
            raise RuntimeError("in the middle")
    assert await database.many("users/list", after=None, max_rows=10) == []

    async with database.transaction() as transaction:
        await make_user(transaction, "first@example.org")
        await make_user(transaction, "second@example.org")
        assert await database.many("users/list", after=None, max_rows=10) == [], "not before it is committed"
    assert len(await database.many("users/list", after=None, max_rows=10)) == 2


async def test_a_failed_statement_rolls_back_its_transaction_and_the_connection_stays_usable(
    database: Database,
) -> None:
    await make_user(database)

    with pytest.raises(ConstraintError):
        async with database.transaction() as transaction:
            await make_user(transaction, "new@example.org")
            await make_user(transaction)

    assert [row.email for row in await database.many("users/list", after=None, max_rows=10)] == ["ada@example.org"]


async def test_a_statement_of_several_parts_is_all_or_nothing(database: Database) -> None:
    await make_user(database, "ada@example.org")

    with pytest.raises(ConstraintError):
        # Another address, but the same key: no user without a key may remain.
        await database.one(
            "users/create", email="other@example.org", name=None, plan="free", preferences={}, external_id=None,
            key_prefix="x",
            key_hash=b"ada@example.org".ljust(32, b"\0"),
        )  # fmt: skip

    assert len(await database.many("users/list", after=None, max_rows=10)) == 1


async def test_a_violated_constraint_is_reported_with_its_name(database: Database) -> None:
    user_id = await make_user(database)

    with pytest.raises(ConstraintError) as twice:
        await make_user(database, "ADA@example.org")
    with pytest.raises(ConstraintError) as stranger:
        await database.exec(
            "idempotency/claim", user_id=uuid4(), route="POST /", key="x", request_digest=b"y" * 32, kept_s=60.0
        )
    with pytest.raises(ConstraintError) as empty:
        await make_document(database, user_id, "")
    with pytest.raises(ConstraintError) as missing:
        await database.one_by_name(
            "keys/create",
            {
                "user_id": user_id,
                "name": None,
                "prefix": None,
                "key_hash": b"x" * 32,
                "expires_at": None,
                "scopes": ["read"],
            },
        )

    assert [error.value.constraint for error in (twice, stranger, empty, missing)] == [
        "users_email_key", "idempotency_keys_user_id_fkey", "documents_filename_length", "prefix",
    ]  # fmt: skip


async def test_a_value_that_the_database_refuses_is_an_error_of_the_caller(database: Database) -> None:
    refused: list[tuple[object, dict[str, str]]] = [
        ("null \0 byte", {}),
        ("lone \ud800 surrogate", {}),
        ("fine", {"a": "null \0 byte"}),
        (5, {}),
    ]
    for name, preferences in refused:
        with pytest.raises(InvalidRequestError):
            await database.one_by_name(
                "users/create",
                {
                    "email": "a@example.org", "name": name, "plan": "free", "preferences": preferences,
                    "external_id": None,
                    "key_prefix": "x", "key_hash": b"x" * 32,
                },
            )  # fmt: skip

    assert await database.many("users/list", after=None, max_rows=1) == []


async def test_a_statement_is_cancelled_at_its_timeout(database: Database, plant: Plant) -> None:
    planted = plant("users/slow :value", "-- returns: slept void\nselect pg_sleep(30) as slept;")
    async with database.pool.connection() as connection:
        await connection.execute("set statement_timeout = '100ms'")

    with pytest.raises(UnavailableError, match="exceeded the time limit") as refused:
        await planted.value_by_name("users/slow", {})

    assert type(refused.value) is UnavailableError
    assert refused.value.retry_after_s == 1


async def test_the_timeout_of_the_settings_applies_on_the_server(database: Database, plant: Plant) -> None:
    planted = plant("users/limit :value", "-- returns: s text\nselect current_setting('statement_timeout') as s;")

    assert await planted.value_by_name("users/limit", {}) == "1min"


async def test_the_victim_of_a_deadlock_can_try_again(database: Database) -> None:
    users = [await make_user(database, f"{name}@example.org") for name in ("ada", "bob")]
    both_hold_one = asyncio.Barrier(2)

    async def rename(transaction: Transaction, user_id: UUID) -> None:
        await transaction.one(
            "users/update",
            user_id=user_id,
            email=None,
            set_name=True,
            name="x",
            plan=None,
            preferences=None,
            set_external_id=False,
            external_id=None,
        )

    async def change(first: UUID, second: UUID) -> str:
        try:
            async with database.transaction() as transaction:
                await rename(transaction, first)
                await both_hold_one.wait()
                await rename(transaction, second)
        except UnavailableError as error:
            return error.detail
        return "changed"

    outcomes = await asyncio.gather(change(*users), change(*users[::-1]))

    assert sorted(outcomes) == ["another request was changing the same rows; try again", "changed"]


async def test_json_is_returned_unchanged(plant: Plant) -> None:
    planted = plant("users/echo :value", "-- $1 value jsonb\n-- returns: value jsonb\nselect $1::jsonb as value;")
    values: list[Any] = [
        {},
        [],
        {"a": [1, 2.5, None, True, {"b": "ünï 漢字 🗄"}]},
        {"big": 2**62, "small": -(2**62), "quote": '"\\\n\t'},
        "text",
        3,
    ]

    assert [await planted.value_by_name("users/echo", {"value": value}) for value in values] == values


async def test_none_is_sql_null_and_not_json_null(plant: Plant) -> None:
    planted = plant("users/echo :value", "-- $1 value jsonb\n-- returns: n bool\nselect $1::jsonb is null as n;")

    assert await planted.value_by_name("users/echo", {"value": None}) is True


async def test_a_vector_is_returned_in_half_precision(plant: Plant) -> None:
    planted = plant("chunks/echo :value", "-- $1 v halfvec\n-- returns: v halfvec\nselect $1::halfvec as v;")
    numbers = [0.0, 1.0, -0.333, 65504.0, 6e-8]
    sent: list[Any] = [
        numbers, np.array(numbers, dtype=np.float32), np.array(numbers, dtype=np.float16), HalfVector(numbers),
    ]  # fmt: skip

    received = [(await planted.value_by_name("chunks/echo", {"v": vector})).to_list() for vector in sent]

    assert received == [np.array(numbers, dtype=np.float16).tolist()] * 4


async def test_a_vector_of_another_width_or_without_a_number_is_refused(database: Database) -> None:
    user_id = await make_user(database)
    document_id = await make_document(database, user_id)
    [row] = await database.many("ingest/chunk_ids", chunk_count=1)
    await database.copy(
        "ingest/write_chunks",
        rows=[
            IngestWriteChunks(
                user_id=user_id, id=row.id, document_id=document_id, chunk_index=0, content="x", token_count=1,
                metadata={}, content_hash=uuid4(),
            )
        ],
    )  # fmt: skip

    for vector in (np.zeros(3), np.full(256, np.nan)):
        bad = IngestWriteVectors(
            user_id=user_id, chunk_id=row.id, document_id=document_id, embedding=vector, signature=bytes(192)
        )
        with pytest.raises(InvalidRequestError):
            await database.copy("ingest/write_vectors", rows=[bad])


async def test_the_name_of_the_statement_is_visible_on_the_server(
    database: Database, plant: Plant, observer: Any
) -> None:
    planted = plant("users/seen :value", "-- returns: slept void\nselect pg_sleep(0.5) as slept;")
    task = asyncio.create_task(planted.value_by_name("users/seen", {}))

    seen = """
        select query from pg_stat_activity
        where wait_event = 'PgSleep' and application_name = 'cabinet' and datname = current_database()"""
    query = await until(lambda: observer.fetchval(seen))
    await task

    assert query.startswith("-- users/seen :value\n-- A statement for a test.\n")


async def test_statements_are_counted_for_the_request_and_in_the_metrics(database: Database) -> None:
    before = metrics.statement_seconds.labels("users/get")._sum.get()

    with collect_statistics() as statistics:
        await database.one("users/get", user_id=uuid4())
        async with database.transaction() as transaction:
            await transaction.one("users/get", user_id=uuid4())
            await asyncio.gather(asyncio.create_task(transaction.many("users/list", after=None, max_rows=1)))
    await database.one("users/get", user_id=uuid4())

    assert statistics.names == ["users/get", "users/get", "users/list"]
    assert statistics.count == 3
    assert 0 < statistics.seconds < 5
    assert metrics.statement_seconds.labels("users/get")._sum.get() > before


async def test_an_error_is_counted_by_statement_and_sqlstate(database: Database) -> None:
    await make_user(database)
    counter = metrics.statement_errors_total.labels("users/create", "23505")
    before = counter._value.get()

    with pytest.raises(ConstraintError):
        await make_user(database)

    assert counter._value.get() == before + 1
