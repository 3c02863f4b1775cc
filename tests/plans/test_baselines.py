"""Every statement runs with its recorded plans, and a change of plan is detected.

Filling the database takes about ten seconds, so all tests that need it are in this file.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from svc.database.headers import Parameter
from svc.database.queries import Database
from svc.database.statements import Statement, load_statements
from svc.errors import InvalidRequestError
from svc.plans.baselines import Recorder, writes
from svc.plans.drawing import plain
from svc.plans.examples import Example, resolve
from svc.plans.explain import PLAN_KINDS, Explainer, has_plan
from svc.plans.files import Case
from svc.plans.findings import find
from svc.plans.shape import difference, shape
from svc.plans.tree import QueryPlan, read_plan
from tests.conftest import test_settings
from tests.plans.comparison import BASELINES, LARGE_TABLES, differences, plan_file
from tests.server_process import clean_environment
from tests.sql.checker import ROOT

STATEMENTS = load_statements(ROOT / "sql")
# In the order of `Recorder.in_order`, since writing statements leave pages that index-only scans must visit.
PLANNED = sorted((one for one in STATEMENTS.values() if has_plan(one)), key=lambda one: (writes(one), one.name))

# Statements that people run occasionally, or that measure the service; they may read much.
FOR_PEOPLE = ("calibration/", "catalogue/", "doctor/", "samples/")
# Statements that read a whole table on purpose.
READ_WHOLE = {
    ("usage/list", "users"): "500 users fit a hash",
}
MOST_ROWS = 1_000
_INDEX = re.compile(r" (?:using|Conflict Arbiter Indexes:) ([\w…]+)")
# Statements with a step that processes more rows in custom plans.
READ_MANY = {
    "collection_files/list": "reads the files of a collection until a page of them has the status that is asked for",
    "collections/get": "counts the files of a collection in each state, at most `max_count`",
    "collections/list": "counts the files of each collection of the page, at most `max_count` of each",
    "conversations/erase_messages": "deletes a batch of a long conversation, of at most `max_rows`",
    "documents/hold_matching": "reads the files of the collections that are named",
    "documents/list_files": "sorts the documents of a tenant that have a purpose",
    "documents/retry_many": "reads the files of the collections that are named",
    "file_batches/cancel": "looks for the files of a batch that have not been read yet",
    "file_batches/get": "counts the files of a batch in each state, at most `max_count`",
    "import/count_messages": "recounts the messages of imported conversations",
    "documents/count_matching": "reads the documents of a tenant until 10,000 match the filter",
    "documents/list_matching": "sorts the documents of a tenant that the filter leaves",
    "message_search/bits": "compares the signatures of a tenant's messages",
    "message_search/exact": "compares all vectors of a tenant's messages",
    "message_search/hybrid_bits": "as message_search/bits, and scores the candidates of the keywords",
    "message_search/hybrid_exact": "as message_search/exact, and scores the candidates of the keywords",
    "message_search/keyword": "scores the candidates of the keywords, as many as the budget allows",
    "message_search/size": "counts as far as the lane depends on it",
    "samples/document": "sorts a tenant's documents, and only people run it",
    "search/bits": "compares the signatures of a tenant",
    "search/bits_all": "compares the signatures of a tenant",
    "search/exact": "compares all vectors of a tenant of few",
    "search/exact_all": "compares all vectors of a tenant of few, or of a tenant who asks for all",
    "search/hybrid_bits": "as search/bits, and scores the candidates of the keywords, as many as the budget allows",
    "search/hybrid_bits_all": "as search/bits_all, and scores the candidates of the keywords",
    "search/hybrid_exact": "as search/exact, and scores the candidates of the keywords",
    "search/hybrid_exact_all": "as search/exact_all, and scores the candidates of the keywords",
    "search/hybrid_index": "scores the candidates of the keywords, as many as the budget allows",
    "search/index_filtered": "the documents of a tenant that the filters leave",
    "search/keyword": "scores the candidates of the keywords, as many as the budget allows",
    "search/keyword_all": "scores the candidates of the keywords, as many as the budget allows",
    "terms/sample_chunks": "chooses among the keys of a tenant's chunks, and counts the terms of 2,000",
    "terms/sample_messages": "the same of messages",
    "usage/list": "adds up what all tenants used between two days, for the admin",
    "usage/recount": "recounts the documents of a tenant, and only operators run it",
    "server/queues": "counts the jobs of all tenants, at most 10,000 of each queue",
    "users/delete": "deletes all that a tenant has",
    "uploads/pending": "looks for pending uploads among those of a user, which are swept after an hour",
}


@pytest.mark.parametrize("statement", PLANNED, ids=lambda statement: statement.name)
async def test_plans_are_as_recorded(recorder: Recorder, statement: Statement) -> None:
    told = await differences(recorder, statement, plan_file(statement))

    assert not told, f"{told}\n\nWhere the new plan is meant: make baseline ARGS={statement.name}"


@pytest.mark.parametrize("statement", PLANNED, ids=lambda statement: statement.name)
def test_recorded_plans_are_acceptable(statement: Statement) -> None:
    """The checks of a reviewer of plans."""
    if statement.name.startswith(FOR_PEOPLE):
        return
    whole = {table for _, table in read_whole(statement)} & LARGE_TABLES
    assert {(statement.name, table) for table in whole} <= set(READ_WHOLE)
    assert most_rows(statement) <= MOST_ROWS or statement.name in READ_MANY


def read_whole(statement: Statement) -> set[tuple[str, str]]:
    """The tables that recorded plans of a statement read completely, with its name."""
    lines = (re.search(r"Seq Scan on (\w+)", line) for _, line in recorded_lines(statement))
    return {(statement.name, match[1]) for match in lines if match}


def most_rows(statement: Statement) -> int:
    """The maximum number of rows that a step of its recorded custom plans processes."""
    lines = (re.search(r"rows <= (\d+)", line) for place, line in recorded_lines(statement) if "custom" in place)
    return max((int(match[1]) for match in lines if match), default=0)


def recorded_lines(statement: Statement) -> Iterator[tuple[str, str]]:
    """Every line of the recorded plans, with its place."""
    for case in plan_file(statement).cases:
        for kind, recorded in case.shapes.items():
            for line in recorded.splitlines():
                yield f"{statement.name}, {case.name}, {kind}", line


def test_every_exception_is_needed() -> None:
    assert set(READ_WHOLE) <= {read for statement in PLANNED for read in read_whole(statement)}
    assert set(READ_MANY) <= {statement.name for statement in PLANNED if most_rows(statement) > MOST_ROWS}


def test_every_plan_file_belongs_to_a_statement() -> None:
    named = {path.relative_to(BASELINES).with_suffix("").as_posix() for path in BASELINES.rglob("*") if path.is_file()}

    assert named == {statement.name for statement in PLANNED}


# A statement, the change, and a line of the diff; an equivalent change has no diff.
CHANGES = [
    ("documents/list", "limit $3::int", "limit $3::int offset 500", "(rows <= 521)"),
    ("chunks/list_by_document", "limit $4::int", "limit $4::int offset 1", "skipped <= 1)"),
    ("documents/list", "d.user_id = $1::uuid", "d.user_id >= $1::uuid", "(user_id >= …::uuid)"),
    ("documents/list", "order by d.id desc", "order by d.created_at desc", "Backward using documents_user_created_idx"),
    ("documents/list_by_status", "d.status = $2::text", "d.status <> $2::text", "(status <> …::text)"),
    ("documents/get", "d.id = $2::uuid", "d.id::text = $2::uuid::text", "((id)::text = …::text)"),
    ("messages/list", "m.position > $3::int8", "m.position + 0 > $3::int8", '(("position" + 0) > '),
    ("messages/context", "m.role in ('system', 'developer')", "m.role = any(array['system', 'developer'])", ""),
    ("messages/context", "m.role in ('system', 'developer')", "m.role in ('system', 'tool')",
     "+        Filter: (role = ANY"),
    ("search/bits", "order by hamming_distance(v.signature, $3::varbit)",
     "order by hamming_distance(v.signature, $3::varbit), v.embedding <=> $2::halfvec",
     "-      Index Only Scan using chunk_vectors_signature_idx"),
    ("ingest/claim", "        and q.due_at > '-infinity'", "", "-      Index Scan using ingestion_jobs_user_due_idx"),
    ("users/update", "u.id = $1::uuid", "(u.id = $1::uuid or u.email = $2::text)", "+  Seq Scan on users"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "good", "bad", "shown"), CHANGES)
async def test_a_changed_statement_fails_with_the_diff_of_its_plan(
    recorder: Recorder, filled_url: str, name: str, good: str, bad: str, shown: str
) -> None:
    # Writes that were rolled back have left pages that index-only scans must visit.
    connection = await asyncpg.connect(filled_url)
    await connection.execute("vacuum (freeze)")
    await connection.close()
    statement = STATEMENTS[name]
    assert good in statement.text
    changed = replace(statement, text=statement.text.replace(good, bad, 1))

    told = await differences(recorder, changed, plan_file(statement))

    # Equivalent statements have the same plan.
    assert bool(told) == bool(shown)
    assert shown in told
    assert not shown or ("\n--- recorded\n+++ now\n" in told and "\n+" in told), told


# Indexes that no plan of a statement uses, with their purpose.
WITHOUT_PLAN: dict[str, str] = {}
INDEXES = """
    select c.relname as name, t.relname as table_name, k.conname as constraint_name
    from pg_index as x
    inner join pg_class as c on x.indexrelid = c.oid
    inner join pg_class as t on x.indrelid = t.oid
    left join pg_constraint as k on k.conindid = c.oid and k.contype in ('p', 'u')
    where t.relnamespace = 'public'::regnamespace and t.relname <> 'schema_migrations'
    order by c.relname
"""


async def test_dropping_any_index_is_detected(filled_url: str, filled: Database) -> None:
    """Each is dropped in a transaction that is rolled back: a recorded plan fails, and the diff names the index."""
    examples = {
        (statement.name, case.name): await resolve(filled, statement, case.arguments)
        for statement in PLANNED
        for case in plan_file(statement).cases
    }
    unseen = []
    # Without its index, a statement may run very long, so its time is limited.
    settings = test_settings(statement_timeout_s=2.0)
    explainers = [await Explainer.open(settings, filled_url, STATEMENTS, kind) for kind in PLAN_KINDS]
    try:
        indexes = await explainers[0]._connection.fetch(INDEXES)
        for index in indexes:
            if not any([await is_missed(explainer, index, examples) for explainer in explainers]):
                unseen.append(index["name"])
    finally:
        for explainer in explainers:
            await explainer.close()

    assert len(indexes) >= 30
    assert unseen == sorted(WITHOUT_PLAN)


async def is_missed(explainer: Explainer, index: Any, examples: dict[tuple[str, str], Example]) -> bool:
    """Whether a recorded plan that uses an index changes when the index is dropped."""
    shown = re.sub(r"_[0-9a-f]{32}$", "_…", index["name"])
    drop = f"drop index {index['name']}"
    if index["constraint_name"]:
        drop = f"alter table {index['table_name']} drop constraint {index['constraint_name']} cascade"
    transaction = explainer._connection.transaction()
    await transaction.start()
    try:
        await explainer._connection.execute(drop)
        for statement, case, recorded in recorded_with(shown, explainer):
            try:
                plan = await explainer.analyze(statement, examples[statement.name, case.name].values)
            except InvalidRequestError as error:
                assert "ON CONFLICT" in error.detail or "timeout" in error.detail
                return True
            lost = [line for line in difference(recorded, shape(plan, statement.body)).splitlines() if line[:1] == "-"]
            if any(shown in _INDEX.findall(line) for line in lost):
                return True
    finally:
        await transaction.rollback()
    return False


def recorded_with(index: str, explainer: Explainer) -> Iterator[tuple[Statement, Case, str]]:
    """The recorded plans of the explainer's kind and server that use an index, those of the service first."""
    for statement in sorted(PLANNED, key=lambda one: one.name.startswith(FOR_PEOPLE)):
        for case in plan_file(statement).cases:
            recorded = case.shape(explainer.kind, explainer.server_version)
            if recorded is not None and index in _INDEX.findall(recorded):
                yield statement, case, recorded


MISJUDGED = "select d.id from documents as d where md5(d.user_id::text) = md5({largest}::text)"
# The planted statement and its session settings; the kind of the finding, and a part of its text.
PLANTED = [
    ("", "select c.id from chunks as c where c.content like 'x%'", "sequential scan", "all of chunks, 68,061 rows"),
    ("", "select c.id from chunks as c where c.content like 'x%'", "rows removed", "away 68,061 rows and keeps 0"),
    ("", MISJUDGED, "misestimate", "5,002 rows instead of 9"),
    ("set local work_mem = '64kB'", "select c.id from chunks as c order by c.content_hash", "on disk", "work_mem"),
    ("set local work_mem = '64kB'", "select c.content, count(*) from chunks as c group by 1", "on disk", "work_mem"),
    ("update conversation_documents as d set document_id = d.document_id",
     "select d.conversation_id from conversation_documents as d where d.user_id = {largest} order by d.conversation_id",
     "heap fetches", " rows the table too"),
    ("set local hnsw.iterative_scan = off; set local hnsw.ef_search = 10",
     "select v.chunk_id from chunk_vectors as v where v.user_id = {indexed} order by v.signature <~> {query} limit 150",
     "too few rows", " rows where 150 were asked for"),
    ("", "select pg_sleep(0.05)", "slow", " ms of "),
]  # fmt: skip


@pytest.mark.parametrize(("before", "text", "kind", "said"), PLANTED)
async def test_problems_of_a_plan_are_found(planted: Planted, before: str, text: str, kind: str, said: str) -> None:
    findings = find(await planted(before, text))

    told = [finding.problem for finding in findings if finding.kind == kind]
    assert len(told) == 1, findings
    assert said in told[0]
    assert all(finding.advice for finding in findings)


GOOD = [
    "select d.id from documents as d where d.user_id = {largest} order by d.id limit 20",
    # LIMIT stops the scan, so its small number of rows is not a wrong estimate.
    "select d.id from documents as d where d.user_id = {largest} limit 1",
    "select v.chunk_id from chunk_vectors as v where v.user_id = {indexed} order by v.signature <~> {query} limit 150",
    "select u.id from users as u",
]


@pytest.mark.parametrize("text", GOOD)
async def test_no_problem_is_found_in_a_good_plan(planted: Planted, text: str) -> None:
    findings = find(await planted("set local hnsw.iterative_scan = relaxed_order", text))

    # On a busy machine, everything may be slow.
    assert [finding for finding in findings if finding.kind != "slow"] == []


Planted = Callable[[str, str], Awaitable[QueryPlan]]


@pytest_asyncio.fixture
async def planted(filled_url: str, filled: Database) -> AsyncIterator[Planted]:
    """Run a text under EXPLAIN, after a preparing one; both are rolled back."""
    references = {"largest": "@tenant.user_id", "indexed": "@indexed_tenant.user_id", "query": "@vector.signature"}
    samples = await resolve(filled, replace(STATEMENTS["search/index"], parameters=tuple(
        Parameter(name, "text") for name in references
    )), references)  # fmt: skip
    values = {name: f"'{value}'" for name, value in samples.values.items()}
    connection = await asyncpg.connect(filled_url)

    async def explained(before: str, text: str) -> QueryPlan:
        if before:
            await connection.execute(before)
        prefix = "explain (analyze, buffers, format json) "
        return read_plan(json.loads(await connection.fetchval(prefix + text.format(**values))))

    transaction = connection.transaction()
    await transaction.start()
    try:
        yield explained
    finally:
        await transaction.rollback()
        await connection.close()


async def test_a_plan_is_drawn_with_its_problems_marked(planted: Planted) -> None:
    drawing = plain(await planted("set local enable_indexonlyscan = off", MISJUDGED)).splitlines()

    figures = r"5,002 rows \(expected 9\d\), 13,\d\d\d removed, [\d,.]+ ms, [\d,]+ pages( \([\d,]+ read\))?"
    assert re.fullmatch(rf"Seq Scan on documents d  {figures}", drawing[0])
    assert re.fullmatch(r"Filter: \(md5\(\(user_id\)::text\) = '[0-9a-f]{32}'::text\)", drawing[1])
    assert re.fullmatch(r"! sequential scan: reads all of documents, 18,\d\d\d rows", drawing[2])
    assert re.fullmatch(r"! misestimate: 5,002 rows instead of 9\d, 5\dx off", drawing[3])


async def run_cabinet(*arguments: str, exit_code: int = 0) -> str:
    """The output or the error of a command, which must exit with this code."""
    environment = clean_environment(CABINET_LOG_LEVEL="warning")
    command = [str(Path(sys.executable).parent / "cabinet"), *arguments]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    assert process.returncode == exit_code, err.decode()
    return (out or err).decode()


async def test_the_command_shows_the_servers_message_for_a_wrong_value(filled_url: str) -> None:
    arguments = ["sql", "explain", "documents/get", "--arg", "document_id=abc", "--database-url", filled_url]
    printed = await run_cabinet(*arguments, exit_code=2)

    assert printed == (
        'cabinet: sql/documents/get.sql cannot be explained: invalid input syntax for type uuid: "abc"\n'
    )


async def test_the_command_explains_a_write_and_rolls_it_back(filled_url: str, filled: Database) -> None:
    before = await filled.value("message_search/size", user_id=UUID(int=0), conversation_id=None, max_rows=1)
    printed = await run_cabinet("sql", "explain", "users/delete", "--database-url", filled_url)

    assert "\ncustom plan: planned in " in printed
    assert "\ngeneric plan: planned in " in printed
    assert re.search(r"Delete on users u\w*  [01] rows", printed)
    assert re.search(r"conversation_documents_document_fkey on documents: [\d,]+ calls", printed)
    rows = await filled.many("users/list", after=None, max_rows=101)
    assert before == 0
    assert len(rows) == 101


async def test_the_command_prints_no_vector_and_takes_arguments(filled_url: str) -> None:
    given = ["--custom", "--arg", "max_rows=3", "--arg", "threshold", "--case", "by_metadata"]
    printed = await run_cabinet("sql", "explain", "search/exact", *given, "--database-url", filled_url)

    assert "  max_rows = 3\n" in printed
    assert "  threshold = null\n" in printed
    assert re.search(r"  embedding = \[.{11}…\n", printed)
    assert "Limit  3 rows" in printed
    assert "\ngeneric plan" not in printed
    assert not re.search(r"[-\d.,]{60}", printed)


async def test_the_command_prints_json(filled_url: str) -> None:
    printed = await run_cabinet("sql", "explain", "search/bits", "--format", "json", "--database-url", filled_url)

    explained = json.loads(printed)
    assert explained["statement"] == "search/bits"
    assert [plan["kind"] for plan in explained["plans"]] == ["custom", "generic"]
    assert explained["plans"][0]["root"]["name"] == "Limit"
    assert explained["plans"][0]["settings"]["plan_cache_mode"] == "force_custom_plan"
    assert explained["plan_of_service"] == "custom"
    assert not re.search(r"[-\d.,]{60}", printed)


async def test_the_command_says_that_the_service_runs_a_generic_plan(filled_url: str) -> None:
    marks = []
    for name in ("messages/context", "documents/get"):
        printed = await run_cabinet("sql", "explain", name, "--database-url", filled_url)
        marks.append("the service runs it with the generic plan" in printed)
    assert marks == [True, False]
