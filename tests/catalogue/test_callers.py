"""Who runs a statement is found in the code, through methods, callbacks, tasks and names that are put together.

That no route runs more than what is found is checked on every request that the tests of the routes send.
"""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path

import click
import pytest

from svc.catalogue.callers import EVERY_COMMAND, EVERY_ROUTE, Caller
from svc.catalogue.sources import Sources
from svc.cli.main import main
from svc.database import by_name, statistics
from tests.catalogue.derived import all_statements, callers
from tests.conftest import Service
from tests.routes.tenants import new_tenant

ROOT = Path(__file__).parents[2]

# A package in which a handler reaches `get` by a dozen different ways, one a function.
PLANTED = """
from __future__ import annotations
import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol
from planted import store
from planted.store import NAMES, Child, Holder, Store, opened, run_twice

async def by_method(store: Store): await store.get()
async def by_field(holder: Holder): await holder.store.get()
async def by_property(holder: Holder): await holder.same.get()
async def by_constructor(): await Store().get()
async def by_variable(holder: Holder):
    one = holder.store
    await one.get()
async def by_context():
    async with opened() as one:
        await one.get()
async def by_partial(store: Store): await run_twice(partial(store.get))
async def by_inner_function(store: Store):
    async def inner(): return await store.get()
    await run_twice(inner)
async def by_what_an_inner_function_gives(holder: Holder):
    def inner() -> Store: return holder.store
    await inner().get()
async def by_lambda(store: Store): await run_twice(lambda: store.get())
async def by_loop(stores: list[Store]):
    for one in stores:
        await one.get()
async def by_comprehension(stores: dict[str, Store]): return [await one.get() for one in stores.values()]
async def by_module(): await store.get_one(None)
async def by_subclass(child: Child): await child.get()
async def by_call(store: Store): await store()
async def by_walrus(holder: Holder):
    if (one := holder.store) is not None:
        await one.get()
async def by_constant(database): return await database.one(NAMES["first"])
async def by_put_together(database, what): return await database.one(f"rows/{what}")
async def by_task(holder: Holder): asyncio.create_task(holder.store.get(), name=f"getting-{1}")
async def by_nothing(store: Store): await store.set()
"""
STORE = """
from __future__ import annotations
from contextlib import asynccontextmanager
NAMES = {"first": "rows/get"}
class Store:
    async def get(self): return await get_one(self)
    async def set(self): return "rows/set"
    async def __call__(self): return await self.get()
class Child(Store):
    pass
class Holder:
    def __init__(self, store: Store) -> None:
        self.store = store
    @property
    def same(self) -> Store: return self.store
async def get_one(database): return await database.one("rows/get")
@asynccontextmanager
async def opened() -> AsyncIterator[Store]: yield Store()
async def run_twice(work): ...
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The package above."""
    folder = tmp_path_factory.mktemp("sources") / "planted"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "ways.py").write_text(PLANTED)
    (folder / "store.py").write_text(STORE)
    return Sources(folder)


def texts_of(sources: Sources, function: str) -> set[str]:
    return set().union(*(sources.node(node).texts for node in sources.reached([f"planted.ways:{function}"])))


@pytest.mark.parametrize(
    "way", [part.name for part in ast.parse(PLANTED).body if isinstance(part, ast.AsyncFunctionDef)]
)
def test_a_way_to_a_statement_is_found(planted: Sources, way: str) -> None:
    texts = texts_of(planted, way)

    if way == "by_put_together":
        assert "rows/*" in texts
    elif way in ("by_nothing", "by_task"):
        assert "rows/get" not in texts
    else:
        assert "rows/get" in texts


def test_a_named_task_is_a_caller_of_its_own(planted: Sources) -> None:
    (task,) = planted.node("planted.ways:by_task").tasks

    assert task.name == "getting"
    assert "planted.store:Store.get" in task.uses


def test_every_statement_is_run_by_somebody() -> None:
    unused = {name for name, those in callers().of.items() if not those}

    assert unused == set(), "dead SQL: delete it, or call it"


def test_every_name_that_stands_in_the_code_is_found() -> None:
    """What a search for the name finds, the derivation finds too: no function is lost between."""
    statements, found = all_statements(), {name for name, those in callers().of.items() if those}
    for path in sorted((ROOT / "svc").rglob("*.py")):
        for part in ast.walk(ast.parse(path.read_text())):
            if isinstance(part, ast.Constant) and part.value in statements:
                assert part.value in found, f"{path}:{part.lineno}"


@pytest.mark.parametrize(
    ("statement", "caller"),
    [
        ("search/index_filtered", Caller("route", "POST /search")),
        ("documents/get", Caller("route", "POST /documents/{document_id}/retry")),
        ("idempotency/claim", Caller("route", "POST /documents")),
        ("keys/tenant", Caller("route", "GET /me")),
        ("indexes/progress", Caller("command", "cabinet index apply")),
        ("ddl/own_index", Caller("loop", "indexes")),
        ("ingest/heartbeat", Caller("loop", "ingestion")),
        ("message_jobs/renew", Caller("loop", "messages")),
        ("idempotency/delete_expired", Caller("loop", "sweep")),
        ("server/create_database_18", Caller("command", "cabinet migrate status")),
    ],
)
def test_who_runs_a_statement(statement: str, caller: Caller) -> None:
    assert caller in callers().of[statement]


def test_a_statement_is_not_run_by_who_does_not_run_it() -> None:
    by = {name: {caller.name for caller in those} for name, those in callers().of.items()}

    assert by["documents/list"] == {"GET /documents"}
    assert by["ingest/claim"] == {"ingestion"}
    assert by["indexes/progress"] == {"cabinet index apply"}
    assert "GET /health/live" not in by["keys/authenticate"]


def test_what_all_run_is_told_in_a_word() -> None:
    assert callers().named("keys/authenticate") == (EVERY_ROUTE,)
    assert callers().named("server/versions") == (EVERY_COMMAND,)


async def test_a_new_key_is_looked_up_as_derived(service: Service) -> None:
    tenant = await new_tenant(service)

    answer = await tenant.get("/documents")

    assert answer.headers["server-timing"].endswith('desc="2 statements"')
    assert Caller("route", "GET /documents") in callers().of["keys/authenticate"]


async def test_loops_run_no_more_than_is_derived(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop is a task with a name, so each statement can be told by whom it is run."""
    ran: set[tuple[str, str]] = set()
    record = statistics.record

    def note(name: str, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        ran.add((re.sub(r"-\d+$", "", task.get_name()), name))
        record(name, seconds)

    monkeypatch.setattr(by_name, "record", note)
    tenant = await new_tenant(service)
    await tenant.ready_document("a.md", "A sentence.")
    await tenant.say((await tenant.conversation())["id"], {"role": "user", "content": "Another sentence."})

    loops = {caller.name for those in callers().of.values() for caller in those if caller.kind == "loop"}
    by_loops = {(loop, name) for loop, name in ran if loop in loops}
    assert {("ingestion", "ingest/complete"), ("messages", "message_jobs/write_vectors")} <= by_loops
    assert [one for one in by_loops if Caller("loop", one[0]) not in callers().of[one[1]]] == []


def test_every_command_is_looked_at() -> None:
    """Each is a function of the package itself, not what its options are wrapped in."""

    def leaves(command: click.Command) -> list[click.Command]:
        inner = command.commands.values() if isinstance(command, click.Group) else []
        return [leaf for one in inner for leaf in leaves(one)] or [command]

    wrapped = [leaf.name for leaf in leaves(main) if "settings_options" in getattr(leaf.callback, "__qualname__", "")]
    named = {caller.name for those in callers().of.values() for caller in those if caller.kind == "command"}
    assert wrapped
    assert {"cabinet bench", "cabinet serve", "cabinet worker", "cabinet user create", "cabinet sql list"} <= named
