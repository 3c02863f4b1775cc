"""Compares the recorded callers with svc/catalogue/callers.json, or writes the file.

A test fails if a caller in it runs a statement that the record lacks. A complete run prints the unused pairs of the
record at its end, but does not fail, since some depend on timing. With RECORD_CALLERS=write, the record is written
instead: a complete run replaces it, and a partial run adds to it.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

import pytest

from svc.app import all_endpoints, openai_endpoints
from svc.catalogue.callers import RECORD
from svc.cli.main import main
from tests.callers.commands import command_names
from tests.callers.recorder import FOLDER_VARIABLE, HOOKS, recorded_in, seen
from tests.sql.checker import ROOT

Pair = tuple[str, str]

_IS_WRITING = os.environ.get("RECORD_CALLERS") == "write"
# The version of the server determines which of these runs.
_VERSIONED = re.compile(r"(?<=server/create_database_)\d+$")
_VERSIONS = ("16", "18")


def pytest_configure(config: pytest.Config) -> None:
    """Hook this process and the processes that it starts."""
    import importlib

    for name, hook in HOOKS.items():
        hook(importlib.import_module(name))
    if FOLDER_VARIABLE not in os.environ:
        os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="cabinet-callers-")
        startup = str(Path(__file__).with_name("startup"))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [startup, os.environ.get("PYTHONPATH")]))
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(FOLDER_VARIABLE), ignore_errors=True))


@functools.cache
def recorded_pairs() -> frozenset[Pair]:
    """The record, as pairs of a caller and a statement."""
    if not RECORD.exists():
        return frozenset()
    return frozenset((caller, name) for caller, names in json.loads(RECORD.read_text()).items() for name in names)


def known(pairs: Iterable[Pair]) -> set[Pair]:
    """The pairs of Cabinet's own callers and statements, without routes and files that a test adds."""
    callers, statements = _callers(_IS_WRITING), _statements()
    return {
        (caller, _VERSIONED.sub(version, name))
        for caller, name in pairs
        if name in statements and (caller in callers or caller.startswith("loop "))
        for version in _VERSIONS
    }


@functools.cache
def _callers(is_writing: bool) -> frozenset[str]:
    # The routes of the OpenAI dialect are recorded, but not compared, since they share most statements with other
    # routes.
    endpoints = [*all_endpoints(), *(openai_endpoints() if is_writing else [])]
    return frozenset({f"{endpoint.method} {endpoint.path}" for endpoint in endpoints} | command_names(main))


@functools.cache
def _statements() -> frozenset[str]:
    return frozenset(path.relative_to(ROOT / "sql").with_suffix("").as_posix() for path in ROOT.glob("sql/*/*.sql"))


@pytest.fixture(autouse=True)
def _only_recorded_statements() -> Iterator[None]:
    """Fail if a caller runs a statement in this process that the record lacks."""
    before = set(seen)
    yield
    new = seen.keys() - before
    unrecorded = [] if _IS_WRITING or not new else sorted(known(new) - recorded_pairs())
    assert not unrecorded, f"{described(unrecorded)}; callers.json lacks this: run make record"


def described(pairs: Iterable[Pair]) -> str:
    """The pairs in words."""
    return ", ".join(f"{caller} runs {name}" for caller, name in pairs)


def stale(ran: dict[Pair, str], recorded: Set[Pair], is_whole: bool) -> list[str]:
    """The reasons why the record is stale, one on each line; only a complete run can find unused pairs."""
    there = known(ran)
    lines = [f"{caller} runs {name} (in {ran.get((caller, name), 'a test')})" for caller, name in there - recorded]
    if is_whole:
        lines += [f"{caller} no longer runs {name}" for caller, name in recorded - there]
    return sorted(lines)


def write(pairs: set[Pair]) -> None:
    """Write the record, with one line for each statement of a caller."""
    by_caller: dict[str, list[str]] = {}
    for caller, name in sorted(pairs):
        by_caller.setdefault(caller, []).append(name)
    RECORD.write_text(json.dumps(by_caller, indent=1) + "\n")


def _is_whole(config: pytest.Config) -> bool:
    options = config.option
    chosen = options.keyword or options.markexpr or getattr(options, "lf", False) or options.deselect or options.ignore
    return not chosen and config.args == config.getini("testpaths")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In the process that started the others, compare or write."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    ran, recorded = recorded_in(Path(os.environ[FOLDER_VARIABLE])), recorded_pairs()
    is_whole = _is_whole(session.config) and exitstatus == pytest.ExitCode.OK
    if _IS_WRITING:
        write(known(ran) if is_whole else known(ran) | recorded)
    else:
        session.config.stash[_STALE] = stale(ran, recorded, is_whole)
        if known(ran) - recorded:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


_STALE = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report a stale record."""
    if lines := config.stash.get(_STALE, None):
        terminalreporter.section("svc/catalogue/callers.json is stale: run make record", red=True)
        for line in lines:
            terminalreporter.line(line)
