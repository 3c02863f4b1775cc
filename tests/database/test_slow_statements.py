"""The log entries of a slow statement."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from svc import metrics
from svc.background import Background
from svc.database.headers import Parameter
from svc.database.queries import Database
from svc.errors import UnavailableError
from svc.plans.slow_statements import SlowStatements, described, watched_database
from tests.conftest import test_settings
from tests.database.conftest import Plant, until

SECRET = "a word that nobody may read"
SLEEPS = """-- $1 user_id  uuid
-- $2 secret   text
-- $3 sleep_s  float8
-- returns: id uuid, slept text
select u.id, pg_sleep($3::float8)::text as slept
from users as u
where u.id = $1::uuid or u.name = $2::text
limit 1"""


@pytest.fixture
async def watched(plant: Plant, database: Database, database_url: str) -> AsyncIterator[Database]:
    """A database with the statement `slow/sleep`, which logs statements that take 50 ms or longer."""
    planted = plant("slow/sleep :one", SLEEPS)
    settings = test_settings(slow_statement_ms=50, slow_plan_s=60)
    slow = SlowStatements(settings, database_url, planted.statements, Background())
    planted.watch = slow
    yield planted
    await slow.close()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "svc.plans.slow_statements"]


async def test_a_slow_statement_is_logged_with_its_plan_and_no_values(
    watched: Database, observer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    user = await observer.fetchval("insert into users (email, plan) values ('ada@example.org', 'free') returning id")
    before = metrics.slow_statements_total.labels("slow/sleep")._value.get()

    await watched.one_by_name("slow/sleep", {"user_id": user, "secret": SECRET, "sleep_s": 0.1})
    await until(lambda: asyncio.sleep(0, len(told(caplog)) == 2))

    line, plan = told(caplog)
    assert re.fullmatch(
        r"slow statement slow/sleep: \d{3,} ms, 1 row; "
        r"parameters: user_id uuid, secret text of 27 characters, sleep_s float8",
        line,
    )
    assert plan.startswith("the plan of slow statement slow/sleep, for any values:\n    Limit")
    assert "on users u" in plan
    assert "$1" in plan
    assert SECRET not in caplog.text
    assert str(user) not in caplog.text
    assert metrics.slow_statements_total.labels("slow/sleep")._value.get() == before + 1


async def test_a_quick_statement_is_not_logged(watched: Database, caplog: pytest.LogCaptureFixture) -> None:
    assert watched.watch is not None
    watched.watch.threshold_s = 3600

    await watched.one_by_name("slow/sleep", {"user_id": UUID(int=0), "secret": "", "sleep_s": 0.1})

    assert told(caplog) == []


async def test_one_plan_of_many_slow_executions_is_logged(
    watched: Database, observer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    user = await observer.fetchval("insert into users (email, plan) values ('ada@example.org', 'free') returning id")

    arguments = {"user_id": user, "secret": SECRET, "sleep_s": 0.1}
    await asyncio.gather(*(watched.one_by_name("slow/sleep", arguments) for _ in range(4)))
    await until(lambda: asyncio.sleep(0, any("the plan" in one for one in told(caplog))))
    await watched.one_by_name("slow/sleep", {"user_id": user, "secret": SECRET, "sleep_s": 0.1})

    assert sum(one.startswith("slow statement") for one in told(caplog)) == 5
    assert sum(one.startswith("the plan") for one in told(caplog)) == 1


async def test_a_plan_is_got_beside_the_pool_and_after_the_answer(
    plant: Plant, observer: Any, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """This also works in a transaction that holds the only connection and a lock."""
    settings = test_settings(slow_statement_ms=50, pool_size=1)
    user = await observer.fetchval("insert into users (email, plan) values ('ada@example.org', 'free') returning id")
    async with watched_database(settings, database_url, Background()) as database:
        statements = plant("slow/sleep :one", SLEEPS).statements
        database.statements = statements
        async with database.transaction() as transaction:
            await transaction.one_by_name("slow/sleep", {"user_id": user, "secret": SECRET, "sleep_s": 0.1})
            await until(lambda: asyncio.sleep(0, len(told(caplog)) == 2))

    assert "the plan of slow statement slow/sleep" in told(caplog)[1]


async def test_a_statement_that_ran_into_its_time_limit_is_logged(
    plant: Plant, observer: Any, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    user = await observer.fetchval("insert into users (email, plan) values ('ada@example.org', 'free') returning id")
    settings = test_settings(slow_statement_ms=50, slow_plan_s=0, statement_timeout_s=0.2)
    async with watched_database(settings, database_url, Background()) as database:
        database.statements = plant("slow/sleep :one", SLEEPS).statements
        with pytest.raises(UnavailableError):
            await database.one_by_name("slow/sleep", {"user_id": user, "secret": SECRET, "sleep_s": 5.0})

    (line,) = told(caplog)
    assert "failed with 57014" in line


async def test_a_plan_that_cannot_be_read_is_reported(
    watched: Database, observer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    user = await observer.fetchval("insert into users (email, plan) values ('ada@example.org', 'free') returning id")
    watch = watched.watch
    assert isinstance(watch, SlowStatements)
    watch._url = watch._url.replace("/test_", "/no_such_")

    await watched.one_by_name("slow/sleep", {"user_id": user, "secret": SECRET, "sleep_s": 0.1})
    await until(lambda: asyncio.sleep(0, len(told(caplog)) == 2))

    assert told(caplog)[1].startswith("cannot read the plan of slow statement slow/sleep: ")


async def test_nothing_is_watched_where_it_is_turned_off(database_url: str) -> None:
    async with watched_database(test_settings(slow_statement_ms=0), database_url, Background()) as database:
        assert database.watch is None


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("uuid", UUID(int=1), "it uuid"),
        ("text", "été", "it text of 3 characters"),
        ("bytea", b"abc", "it bytea of 3 bytes"),
        ("halfvec", np.zeros(256), "it halfvec of 256 dimensions"),
        ("jsonb", {"a": 1}, "it jsonb of 1 keys"),
        ("uuid[]", [UUID(int=1)], "it uuid[] of 1"),
        ("float8", 3.5, "it float8"),
        ("timestamptz", None, "it timestamptz null"),
    ],
)
def test_a_parameter_is_described_without_its_value(type_: str, value: Any, text: str) -> None:
    assert described(Parameter("it", type_), value) == text
