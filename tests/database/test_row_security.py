"""Row level security: the tables, the refusals at the start, and the tenant of each transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
import pytest_asyncio
from click.testing import CliRunner

from svc.cli.main import main
from svc.database.queries import Database, open_database
from svc.database.row_security import Reach, insert_text, reach_of
from svc.embedded.server import url_as
from svc.errors import StartupError
from svc.ingest.queue import Queue
from svc.migrations.migrate import apply_migrations, migration_script
from svc.migrations.policies import protected_tables, set_row_security
from svc.migrations.roles import check_role
from svc.search.index_plan import IndexStep, own_index_name
from svc.search.own_indexes import IndexBuilder
from svc.settings import SERVICE_ROLE
from tests.conftest import running_service, test_settings
from tests.database.conftest import make_document, make_user
from tests.routes.tenants import new_tenant, rows_of
from tests.sql.checker import RECEIVERS, ROOT
from tests.sql.conftest import STATEMENTS
from tests.sql.tables import read_tables, schema_files
from tests.terms.stored import ingest, upload

ON, OFF = test_settings(rls=True), test_settings(rls=False)
COPIES = [statement for statement in STATEMENTS.values() if statement.shape == "copy"]


@pytest_asyncio.fixture
async def protected_url(database_url: str) -> str:
    """The superuser's URL of a new database under row level security."""
    await set_row_security(ON, database_url, is_on=True)
    return database_url


@pytest_asyncio.fixture
async def protected(protected_url: str) -> AsyncIterator[Database]:
    """The service's statements on it."""
    database = await open_database(ON, url_as(protected_url, SERVICE_ROLE))
    try:
        yield database
    finally:
        await database.close()


async def refusal(settings: Any, url: str) -> str:
    """The error with which a service with this login refuses to start."""
    with pytest.raises(StartupError) as refused:
        database = await open_database(settings, url)
        try:
            await check_role(database)
        finally:
            await database.close()
    return refused.value.detail


async def executed(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(text)
    finally:
        await connection.close()


# --- the tables


async def test_each_table_with_rows_of_tenants_is_protected(protected_url: str) -> None:
    tables = await protected_tables(protected_url)

    assert tables.keys() == read_tables(schema_files(ROOT)).tenant_tables
    assert all(tables.values())


async def test_migrate_apply_protects_a_new_table_automatically(protected_url: str) -> None:
    """The policies stay complete even if an operator forgets the setting."""
    await executed(protected_url, "create table notes (user_id uuid not null, note text)")
    assert "the tables notes do not have" in await refusal(ON, url_as(protected_url, SERVICE_ROLE))
    assert "policies/protect" in await migration_script(OFF, protected_url)

    await apply_migrations(OFF, protected_url)

    assert (await protected_tables(protected_url))["notes"]
    assert "policies/protect" not in await migration_script(ON, protected_url)


async def test_a_search_by_keywords_can_use_its_index(protected_url: str) -> None:
    """A superuser who turns it on marks the operator as leakproof, without which PostgreSQL avoids the index."""
    connection = await asyncpg.connect(url_as(protected_url, SERVICE_ROLE), server_settings={"enable_seqscan": "off"})
    try:
        plan = await connection.fetch("explain select from chunk_terms where keys && '{1}'")
    finally:
        await connection.close()

    assert "chunk_terms_keys_idx" in str(plan)


def test_the_roles_of_row_security_include_the_mark() -> None:
    shown = {rls: CliRunner().invoke(main, ["roles", "--rls", rls]).output for rls in ("on", "off")}

    assert "arrayoverlap(anyarray, anyarray) leakproof" in shown["on"]
    assert "leakproof" not in shown["off"]


async def test_turning_it_off_leaves_nothing_behind(protected_url: str, observer: Any) -> None:
    await set_row_security(ON, protected_url, is_on=False)

    left = "select count(*) from pg_class where relrowsecurity or relforcerowsecurity"
    assert await observer.fetchval(left) == await observer.fetchval("select count(*) from pg_policy") == 0
    database = await open_database(OFF, url_as(protected_url, SERVICE_ROLE))
    await database.close()


def test_the_command_turns_it_on_and_off_and_shows_it(database_url: str) -> None:
    def run(*arguments: str, rls: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["rls", *arguments, "--database-url", database_url, "--rls", rls])
        return result.exit_code, result.output

    set_off = run("off", rls="off")
    assert set_off[0] == 0
    assert "Row level security is off for" in set_off[1]
    assert run("status", rls="on")[0] == 1
    assert "Row level security is on for" in run("on", rls="on")[1]
    code, shown = run("status", rls="on")
    assert code == 0
    assert "document_contents" in shown


# --- the start


async def test_a_service_with_the_setting_refuses_tables_without_policies(database_url: str) -> None:
    await set_row_security(ON, database_url, is_on=False)

    assert "run cabinet rls on as the owner" in await refusal(ON, url_as(database_url, SERVICE_ROLE))


async def test_a_service_without_the_setting_refuses_tables_with_policies(protected_url: str) -> None:
    assert "CABINET_RLS is off, so the service would see none" in await refusal(
        OFF, url_as(protected_url, SERVICE_ROLE)
    )


@pytest.mark.parametrize(
    ("weakened", "reason"),
    [
        ("alter table chunks no force row level security", "tables chunks do not have"),
        ("alter table users disable row level security", "tables users do not have"),
        ("create policy generous on messages using (true)", "drop the other policies of messages"),
        ("alter policy cabinet_tenant on documents to cabinet_service", "tables documents do not have"),
    ],
)
async def test_a_service_refuses_weakened_policies(protected_url: str, weakened: str, reason: str) -> None:
    await executed(protected_url, weakened)

    assert reason in await refusal(ON, url_as(protected_url, SERVICE_ROLE))


async def test_a_service_refuses_a_login_that_the_policies_do_not_bind(protected_url: str) -> None:
    assert "superuser or has BYPASSRLS" in await refusal(ON, protected_url)


# --- the statements


@pytest.mark.parametrize("statement", COPIES, ids=lambda statement: statement.name)
async def test_each_copy_has_an_insert_with_the_same_parameters(database: Database, statement: Any) -> None:
    async with database.pool.connection() as connection:
        prepared = await connection.prepare(insert_text(database.statements, statement))
        types = [type_.name for type_ in prepared.get_parameters()]

    assert types == [parameter.type for parameter in statement.parameters]
    assert statement.parameters[0].name == "user_id", "the tenant of the rows is the first value of each"


def test_the_receiver_of_each_transfer_is_named() -> None:
    ids = [UUID(int=1), UUID(int=2)]
    named = {one.name: reach_of(one, [*ids, *range(9)]) for one in STATEMENTS.values() if one.tenant_places[1]}

    assert named.keys() == RECEIVERS.keys()
    assert set(named.values()) == {Reach(str(ids[0]), str(ids[1]))}


async def test_the_tenant_is_named_for_one_transaction_only(protected: Database) -> None:
    first, second = await make_user(protected), await make_user(protected, "eve@example.org")
    counted = "select count(*), current_setting('cabinet.user_id', true) from users"
    assert await protected.one("users/get", user_id=first) is not None
    async with protected.pool.connection() as connection:
        assert tuple(await connection.fetchrow(counted)) == (0, "")

    async with protected.transaction() as transaction:
        for user_id in (first, second, first):
            assert await transaction.one("users/get", user_id=user_id) is not None
            seen = await transaction._held.fetchrow(counted)
            assert tuple(seen) == (1, str(user_id))


async def test_a_search_on_a_connection_with_generic_plans_finds_the_own_rows_only(protected: Database) -> None:
    """One plan serves all tenants, so the policy must not be part of it as a value."""
    vector = np.ones(256, dtype=np.float16)
    users = [await make_user(protected, f"{number}@example.org") for number in range(2)]
    for user_id in users:
        await upload(protected, user_id, "a.txt")
        await ingest(Queue(protected, "test", 60), [f"text of {user_id}"])
    for user_id in [*users, *users]:
        rows = await protected.many("search/exact_all", user_id=user_id, embedding=vector, max_rows=10)
        assert [row.content for row in rows] == [f"text of {user_id}"]

    assert protected.generic is not None
    async with protected.generic.connection() as connection:
        text = protected.statements["search/exact_all"].text
        assert await connection.fetch(text, users[0], vector, 10) == [], "unless the tenant is named"
        runs = "select generic_plans, custom_plans from pg_prepared_statements where statement like $1"
        found = await connection.fetch(runs, "-- search/exact_all%")
    assert [sum(row[kind] for row in found) for kind in ("generic_plans", "custom_plans")] == [5, 0]


async def test_a_row_of_another_tenant_cannot_be_written(protected: Database) -> None:
    first, second = await make_user(protected), await make_user(protected, "eve@example.org")
    document_id = await make_document(protected, second)

    async with protected.transaction() as transaction:
        await transaction.one("users/get", user_id=first)
        assert await transaction._held.execute("delete from documents") == "DELETE 0"
        assert await transaction._held.execute("update documents set filename = 'mine'") == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with protected.transaction() as transaction:
            await transaction.one("users/get", user_id=first)
            await transaction._held.execute("insert into tenant_totals (user_id) values ($1)", second)

    assert await protected.one("documents/get", user_id=second, document_id=document_id) is not None


async def test_a_failed_statement_returns_its_connection_without_its_transaction(protected: Database) -> None:
    user_id = await make_user(protected)
    for _ in range(2 * ON.pool_size):
        with pytest.raises(Exception, match="users_email_key"):
            await make_user(protected)

    assert await protected.one("users/get", user_id=user_id) is not None
    await protected.pool.close()


# --- with an owner who is not a superuser


@pytest_asyncio.fixture
async def owned_url(protected_url: str) -> AsyncIterator[str]:
    """The URL of a plain role that owns the tables, to which the policies also apply."""
    owner = "plain_owner"
    tables = ", ".join(f"'{table}'" for table in sorted(await protected_tables(protected_url)))
    await executed(
        protected_url,
        f"""
        create role {owner} login;
        grant create, usage on schema public to {owner};
        do $$ declare t text; begin
            foreach t in array array[{tables}] loop execute format('alter table %I owner to {owner}', t); end loop;
        end $$;
        grant select, insert, update, delete on all tables in schema public to {owner};
        """,
    )
    yield url_as(protected_url, owner)
    await executed(protected_url, f"drop owned by {owner} cascade; drop role {owner}")


async def test_cascades_transfers_and_indexes_work_with_a_plain_owner(protected_url: str, owned_url: str) -> None:
    async with running_service(ON, protected_url) as service:
        giver, receiver = await new_tenant(service), await new_tenant(service)
        given = await giver.ready_document("given.txt", "The submarine is yellow.")
        kept = await giver.ready_document("kept.txt", "The lighthouse is red.")
        chat = await giver.conversation(document_ids=[kept["id"]])
        await giver.say(chat["id"], {"role": "user", "content": "Which colour is the boat?"})
        body = {"document_ids": [given["id"]], "to_user": receiver.id}
        moved = await service.call("POST", "/documents/transfer", json=body, headers={"Cabinet-User": giver.id})
        assert moved.status_code == 200, moved.text
        found = await receiver.post("/search", json={"query": "Which colour is the boat?"})
        assert [one["filename"] for one in found.json()["results"]] == ["given.txt"]

        step = IndexStep(
            UUID(receiver.id), own_index_name(UUID(receiver.id)), "a test", True, False, True, 0.0, 0, False
        )
        builder = await IndexBuilder.open(owned_url, service.services.database.statements)
        try:
            await builder.apply(step)
        finally:
            await builder.close()
        totals = await service.services.database.one("keys/tenant", user_id=UUID(receiver.id))
        assert totals is not None
        assert totals.has_index

        assert (await giver.delete(f"/users/{giver.id}")).status_code == 200
        assert await rows_of(service, giver.id) == {}
        assert len(await receiver.chunks(given["id"])) == 1
