"""The role of the service owns nothing and is not a superuser: creating it, and its privileges."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio
from click.testing import CliRunner

from svc.cli.main import main
from svc.database.queries import open_database
from svc.embedded.server import EmbeddedServer, url_as
from svc.errors import StartupError
from svc.migrations.migrate import apply_migrations, migration_states
from svc.migrations.roles import check_role, fill_names
from svc.search.own_indexes import IndexBuilder
from svc.settings import SERVICE_ROLE
from tests.conftest import database_url_of, running_service, test_settings
from tests.routes.tenants import new_tenant

OWNER, SERVICE = "the owner", "service-role"
SETTINGS = test_settings(service_role=SERVICE)


@dataclass(frozen=True)
class Database:
    """One database with three logins."""

    superuser: str
    owner: str
    service: str


def printed(url: str, *flags: str) -> str:
    """The output of `cabinet roles` for this database."""
    result = CliRunner().invoke(
        main,
        ["roles", "--owner", OWNER, "--service-role", SERVICE, "--database-url", url, *flags],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest_asyncio.fixture(scope="session")
async def prepared(server: EmbeddedServer, template: str) -> AsyncIterator[Database]:
    """A new database on which a superuser has run only this output."""
    maintenance = await asyncpg.connect(database_url_of(server.url, "postgres"))
    await maintenance.execute('create database "of-its-own" template template0')
    url = database_url_of(server.url, "of-its-own")
    try:
        connection = await asyncpg.connect(url)
        await connection.execute(printed(url))
        await connection.execute("create table others (secret text)")
        await connection.close()
        yield Database(url, url_as(url, OWNER), url_as(url, SERVICE))
    finally:
        await maintenance.execute('drop database "of-its-own" with (force)')
        await maintenance.execute(f'drop role "{OWNER}"; drop role "{SERVICE}"')
        await maintenance.close()


@pytest_asyncio.fixture(scope="session")
async def migrated(prepared: Database) -> Database:
    """The same database, migrated by its owner."""
    assert await apply_migrations(SETTINGS, prepared.owner)
    return prepared


async def test_a_service_runs_as_the_role_that_was_made(migrated: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "svc.migrations.roles")

    async with running_service(SETTINGS, migrated.owner) as service:
        tenant = await new_tenant(service)
        await tenant.ready_document("notes.txt", "The submarine is yellow.")
        found = await tenant.post("/search", json={"query": "Which colour is the boat?"})
        conversation = await tenant.conversation(title="Boats")
        said = await tenant.say(conversation["id"], {"role": "user", "content": "Yellow?"})
        gone = await service.call("DELETE", f"/users/{tenant.id}")

    assert "yellow" in found.text
    assert len(said) == 1
    assert gone.is_success
    said_so = [record for record in caplog.records if record.name == "svc.migrations.roles"]
    assert [record.levelname for record in said_so] == ["INFO"]
    assert f"connected as {SERVICE}, which has only the privileges" in said_so[0].message


FORBIDDEN = {
    "make a table": "create table planted (id int)",
    "make a temporary table": "create temporary table planted (id int)",
    "make a schema": "create schema planted",
    "make a function": "create function planted() returns int language sql return 1",
    "make an index": "create index planted on chunks (user_id)",
    "drop a table": "drop table documents",
    "empty a table": "truncate messages",
    "change a table": "alter table documents add column planted int",
    "add a trigger": """
        create trigger planted before update on chunks
        for each row execute function suppress_redundant_updates_trigger()""",
    "put a foreign key on a table": "create table planted (id uuid references users (id))",
    "read the passwords": "select rolpassword from pg_authid",
    "read another table": "select secret from others",
    "change the model": "update embedding_model set dimensions = 1",
    "forget a migration": "delete from schema_migrations",
    "note a migration": "insert into schema_migrations (id, checksum) values ('x', 'x')",
    "change the text of a chunk": "update chunks set content = 'something else'",
    "make a role": "create role planted",
    "become the owner": f'set role "{OWNER}"',
    "become a superuser": "set role postgres",
    "read the server's files": "select pg_read_file('postgresql.conf')",
    "run a program": "copy documents to program 'cat'",
    "change the server": "alter system set jit = on",
    "end others' sessions": "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
async def test_the_role_can_do_nothing_else(migrated: Database, statement: str) -> None:
    # A session of another user, for the attempt to end it.
    other = await asyncpg.connect(migrated.superuser)
    connection = await asyncpg.connect(migrated.service)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()
        await other.close()


async def test_no_other_role_has_access(migrated: Database) -> None:
    connection = await asyncpg.connect(migrated.superuser)
    try:
        await connection.execute("create role stranger login")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
            await asyncpg.connect(url_as(migrated.superuser, "stranger"))
    finally:
        await connection.execute("drop role stranger")
        await connection.close()


@pytest.mark.parametrize(
    ("login", "said"),
    [("superuser", "connected as postgres, a superuser, more than"), ("owner", f"connected as {OWNER}, which owns ")],
)
async def test_a_role_with_more_privileges_causes_a_warning(
    migrated: Database, caplog: pytest.LogCaptureFixture, login: str, said: str
) -> None:
    database = await open_database(SETTINGS, getattr(migrated, login))
    try:
        await check_role(database)
    finally:
        await database.close()

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert said in caplog.text
    assert "`cabinet roles` prints the SQL" in caplog.text


async def test_a_missing_privilege_prevents_the_start_and_is_named(migrated: Database) -> None:
    owner = await asyncpg.connect(migrated.owner)
    await owner.execute(f'revoke insert, update on documents, messages from "{SERVICE}"')
    try:
        with pytest.raises(StartupError) as refused:
            async with running_service(SETTINGS, migrated.owner):
                pass
    finally:
        await apply_migrations(SETTINGS, migrated.owner)
        await owner.close()

    assert (
        f"The role {SERVICE} lacks the privileges insert on documents, messages; update on documents, messages."
        in refused.value.detail
    )
    assert f"CABINET_SERVICE_ROLE={SERVICE}" in refused.value.detail
    async with running_service(SETTINGS, migrated.owner):
        """The next migration has granted them again."""


async def test_only_the_owner_migrates_and_builds_indexes(migrated: Database) -> None:
    async with running_service(SETTINGS, migrated.owner) as service:
        statements = service.services.database.statements
        with pytest.raises(StartupError, match="CABINET_OWNER_DATABASE_URL"):
            await IndexBuilder.open(migrated.service, statements)
        with pytest.raises(StartupError, match="CABINET_OWNER_DATABASE_URL"):
            async with running_service(test_settings(service_role=SERVICE, index_check_s=60), migrated.service):
                pass
        await (await IndexBuilder.open(migrated.owner, statements)).close()


async def test_a_role_without_privileges_gets_a_clear_message(prepared: Database, migrated: Database) -> None:
    del migrated
    connection = await asyncpg.connect(prepared.superuser)
    try:
        await connection.execute('create role newcomer login; grant connect on database "of-its-own" to newcomer')
        await connection.execute("grant usage on schema public to newcomer")
        with pytest.raises(StartupError, match=r"permission denied for table schema_migrations.*CABINET_SERVICE_ROLE"):
            await migration_states(url_as(prepared.superuser, "newcomer"))
        with pytest.raises(StartupError, match="CABINET_OWNER_DATABASE_URL"):
            await apply_migrations(SETTINGS, url_as(prepared.superuser, "newcomer"))
    finally:
        await connection.execute("drop owned by newcomer; drop role newcomer")
        await connection.close()


async def test_the_grants_are_also_printed(migrated: Database) -> None:
    owner = await asyncpg.connect(migrated.owner)
    try:
        await owner.execute(f'revoke all on users, api_keys, documents from "{SERVICE}"')
        await owner.execute(printed(migrated.owner, "--grants"))
    finally:
        await owner.close()

    async with running_service(SETTINGS, migrated.owner) as service:
        await new_tenant(service)


async def test_the_embedded_server_serves_as_the_role_by_itself(server: EmbeddedServer, template: str) -> None:
    del template
    connection = await asyncpg.connect(server.service_url)
    try:
        assert await connection.fetchval("select current_user") == SERVICE_ROLE
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("drop table documents")
    finally:
        await connection.close()


def test_a_name_is_quoted() -> None:
    filled = fill_names(
        "grant connect on database :database_name to :service_role;", database_name="a", service_role='b"; c'
    )

    assert filled == 'grant connect on database "a" to "b""; c";'
