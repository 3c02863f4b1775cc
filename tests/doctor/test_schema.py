"""Planted faults of the schema and its indexes, each found only by its check."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from svc.doctor.checks import Thresholds
from svc.doctor.examination import CHECKS, chosen_checks, examine, opened_subject
from svc.doctor.versions import judge_server
from svc.embedded.server import url_as
from svc.errors import InvalidRequestError
from svc.settings import Settings
from tests.doctor.conftest import Fired

# A fast way to insert more users than fit on a page.
MANY_USERS = (
    "insert into users (email, name, plan) "
    "select n || '@example.org', 'user ' || n, 'free' from generate_series(1, 5000) as n"
)


async def test_a_fresh_database_is_in_order(fired: Fired) -> None:
    assert await fired() == {}


async def test_only_checks_of_a_name_or_a_group_are_made() -> None:
    assert [check.name for check in chosen_checks(["stuck-document"])] == ["stuck-document"]
    assert {check.group for check in chosen_checks(["recall", "stuck-document"])} == {"recall", "queues"}
    assert chosen_checks([]) == CHECKS
    with pytest.raises(InvalidRequestError, match="there is no check bowels"):
        chosen_checks(["bowels"])


async def test_names_of_checks_are_unique_and_none_is_a_group() -> None:
    names = [check.name for check in CHECKS]

    assert len({*names, *(check.group for check in CHECKS)}) == len(names) + len({check.group for check in CHECKS})


async def test_an_old_pgvector_is_found_and_its_faults_are_named(fired: Fired, hand: Any) -> None:
    await hand.execute("update pg_extension set extversion = '0.8.2' where extname = 'vector'")

    found = await fired()

    assert found.keys() == {"pgvector-version"}
    (finding,) = found["pgvector-version"]
    assert finding.severity == "fault"
    assert "corrupt an HNSW index" in finding.why
    assert "CVE-2026-3172" not in finding.why
    assert finding.fix == ("alter extension vector update;",)


@pytest.mark.parametrize(
    ("number", "severity"),
    [(150_010, "fault"), (160_005, "warning"), (170_001, "warning"), (160_013, "note"), (180_004, None),
     (180_099, None), (190_000, "note")],
)  # fmt: skip
def test_releases_of_postgresql_are_distinguished(number: int, severity: str | None) -> None:
    findings = judge_server(number).findings

    assert [finding.severity for finding in findings] == ([severity] if severity else [])


async def test_the_error_for_a_database_without_a_schema_names_the_command(server: Any, settings: Any) -> None:
    url = server.url.replace("/cabinet?", "/postgres?")
    async with opened_subject(settings, url) as subject:
        outcomes = {outcome.check.name: outcome async for outcome in examine(subject, CHECKS)}

    (finding,) = outcomes["migrations"].verdict.findings
    assert finding.fix == ("cabinet migrate apply",)
    assert outcomes["chunk-totals"].status == "unknown"


async def test_a_missing_migration_is_found(fired: Fired, hand: Any) -> None:
    name = await hand.fetchval("select max(id) from schema_migrations")
    await hand.execute("delete from schema_migrations where id = $1", name)

    found = await fired()

    assert found.keys() == {"migrations"}
    assert name in found["migrations"][0].problem


async def test_an_edited_migration_is_found(fired: Fired, hand: Any) -> None:
    await hand.execute("update schema_migrations set checksum = '0' where id = '0003.users'")

    found = await fired()

    assert found.keys() == {"edited-migration"}
    assert "0003.users" in found["edited-migration"][0].problem


async def test_a_statement_that_no_longer_fits_is_found(fired: Fired, hand: Any) -> None:
    await hand.execute("alter table api_keys rename column prefix to beginning")

    found = await fired()

    assert found.keys() == {"statements"}
    assert "keys/list.sql" in " ".join(finding.problem for finding in found["statements"])


async def test_an_invalid_index_is_found_and_fixed(fired: Fired, hand: Any) -> None:
    await hand.execute(MANY_USERS)
    with pytest.raises(asyncpg.UniqueViolationError):
        await hand.execute("create unique index concurrently users_plan_idx on users (plan)")

    found = await fired()
    assert found.keys() == {"invalid-index"}
    (finding,) = found["invalid-index"]
    assert finding.fix == ("reindex index concurrently users_plan_idx;",)

    await hand.execute("update users set plan = 'pro' where email = '1@example.org'")
    await hand.execute("delete from users where email not in ('1@example.org', '2@example.org')")
    await hand.execute(finding.fix[0])
    assert (await fired()).keys() == set()


async def test_a_missing_index_is_found_and_fixed(fired: Fired, hand: Any) -> None:
    before = await hand.fetchval("select pg_get_indexdef('documents_user_metadata_idx'::regclass)")
    await hand.execute("drop index documents_user_metadata_idx")

    found = await fired()
    assert found.keys() == {"missing-index"}
    (finding,) = found["missing-index"]
    assert "search/bits" in finding.why

    await hand.execute(finding.fix[0])
    assert await fired() == {}
    assert await hand.fetchval("select pg_get_indexdef('documents_user_metadata_idx'::regclass)") == before


async def test_a_foreign_key_without_an_index_is_found_and_fixed(fired: Fired, hand: Any) -> None:
    await hand.execute("create table tags (name text primary key, user_id uuid references users (id))")

    found = await fired()
    assert found.keys() == {"foreign-key-index"}

    await hand.execute(found["foreign-key-index"][0].fix[0])
    assert await fired() == {}


async def test_an_index_that_is_there_twice_is_found_and_fixed(fired: Fired, hand: Any) -> None:
    await hand.execute("create index again on chunks (user_id, content_hash)")
    await hand.execute("create index another_order on chunks (user_id, content_hash desc)")

    found = await fired()
    assert found.keys() == {"duplicate-index"}
    (finding,) = found["duplicate-index"]

    await hand.execute(finding.fix[0])
    assert await fired() == {}


async def test_a_large_index_that_nobody_uses_is_found(fired: Fired, hand: Any) -> None:
    limits = Thresholds(scans_to_judge_by=1000, large_index_bytes=100_000)
    await hand.execute(MANY_USERS)
    await hand.execute("create index users_name_idx on users (name)")
    await hand.execute("analyze users")
    assert (await fired(limits)).keys() == set()

    await hand.execute("set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off")
    await hand.fetchval(
        "select count(u.email) from (select id from users order by id limit 2000) as a inner join users as u using (id)"
    )
    await hand.execute("select pg_stat_force_next_flush()")

    found = await fired(limits)
    assert found.keys() == {"unused-index"}
    (finding,) = found["unused-index"]
    assert "users_name_idx" in finding.problem
    assert finding.severity == "warning"


async def test_the_role_of_the_service_can_also_read(settings: Settings, database_url: str) -> None:
    url = url_as(database_url, settings.service_role)
    async with opened_subject(settings, url) as subject:
        outcomes = {outcome.check.name: outcome.status async for outcome in examine(subject, CHECKS)}

    assert {name for name, status in outcomes.items() if status != "ok"} == {"durability"}
