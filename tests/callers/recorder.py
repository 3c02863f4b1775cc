"""Records which route, command or background loop runs which statement, in this process and its child processes.

Every statement begins with the name of its file, which identifies it. The caller is the loop whose task runs, or else
the route that answers a request, or else the command. Statements that a test runs directly have no caller.

Processes that the tests start load this module by `startup/sitecustomize.py`, so it imports nothing that they may not
need.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER_VARIABLE = "RECORD_CALLERS_IN"

_NAME = re.compile(r"-- ([a-z_]+/[a-z_0-9]+)")
# asyncpg generates the COPY; Cabinet puts the name into its condition.
_COPY_NAME = re.compile(r"/\* ([a-z_]+/[a-z_0-9]+) \*/")
# The name of a loop in `background.keep(…, name=…)`, with an optional number; other tasks have names like Task-1.
_LOOP = re.compile(r"([a-z]+(?:-[a-z]+)*)(?:-\d+)?")
_PRINTING_COMMAND = "cabinet roles"
# A pool opens connections on demand, so the current request or loop is random. Commands also compare the settings
# themselves.
_OF_POOL = "server/vector_schema"
_OF_POOL_OR_COMMAND = "server/session_settings"

_route: ContextVar[str | None] = ContextVar("recorded_route", default=None)
_loop: ContextVar[str | None] = ContextVar("recorded_loop", default=None)
seen: dict[tuple[str, str], str] = {}
"""The first test in which each caller ran each statement in this process."""


def note(text: str, pattern: re.Pattern[str] = _NAME) -> None:
    """Record that a statement was run, or printed for a person to run."""
    name = pattern.match(text)
    caller = name and ("loop pool" if _is_of_pool(name[1]) else _caller())
    if name is None or caller is None or (caller, name[1]) in seen:
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    seen[caller, name[1]] = test
    if folder := os.environ.get(FOLDER_VARIABLE):
        # Written line by line, since the process may be killed.
        with (Path(folder) / str(os.getpid())).open("a", encoding="utf-8") as file:
            file.write(f"{caller}\t{name[1]}\t{test}\n")


def _is_of_pool(name: str) -> bool:
    # In `cabinet serve`, requests and loops run in the context of the command.
    return name == _OF_POOL or (name == _OF_POOL_OR_COMMAND and _caller() in (None, _route.get(), _loop.get()))


def recorded_in(folder: Path) -> dict[tuple[str, str], str]:
    """The records of all processes, with a test for each."""
    lines = [line for path in folder.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]
    return {(caller, name): test for caller, name, test in (line.split("\t") for line in lines)}


def _caller() -> str | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    loop = _LOOP.fullmatch(task.get_name()) if task is not None else None
    if loop is not None:
        # Tasks that the loop's task starts inherit it.
        _loop.set(f"loop {loop[1]}")
    return _loop.get() or _route.get() or _command()


def _command() -> str | None:
    click: Any = sys.modules.get("click")
    context = click.get_current_context(silent=True) if click is not None else None
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, context.command.name)
        context = context.parent
    if context is None or getattr(context.command.callback, "__module__", "") != "svc.cli.main":
        return None
    return " ".join(["cabinet", *names])


def hook_asyncpg(module: ModuleType) -> None:
    """Record the statements that are sent to a server."""
    for method in ("execute", "fetch", "fetchrow", "fetchval"):
        setattr(module.Connection, method, _noting(getattr(module.Connection, method)))
    copy = module.Connection.copy_records_to_table

    async def noting_copy(connection: object, table: str, **options: Any) -> object:
        note(str(options.get("where")).removeprefix("true "), _COPY_NAME)
        return await copy(connection, table, **options)

    module.Connection.copy_records_to_table = noting_copy


def _noting(method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def noting(connection: object, text: str, *arguments: object, **options: object) -> object:
        note(text)
        return await method(connection, text, *arguments, **options)

    return noting


def hook_routing(module: ModuleType) -> None:
    """Record the answering route."""
    dispatch = module._Dispatcher.__call__

    async def noting(dispatcher: Any, scope: Any, receive: Any, send: Any) -> None:
        endpoint = dispatcher._methods.get(scope["method"])
        token = _route.set(endpoint and f"{endpoint.method} {endpoint.path}")
        try:
            await dispatch(dispatcher, scope, receive, send)
        finally:
            _route.reset(token)

    module._Dispatcher.__call__ = noting


def hook_click(module: ModuleType) -> None:
    """Record the statements that `cabinet roles` prints for a person to run."""
    echo = module.echo

    def noting(message: Any = None, *arguments: Any, **options: Any) -> None:
        if isinstance(message, str) and _NAME.match(message) and _command() == _PRINTING_COMMAND:
            note(message)
        echo(message, *arguments, **options)

    module.echo = noting  # type: ignore[attr-defined]


HOOKS: dict[str, Callable[[ModuleType], None]] = {
    "asyncpg": hook_asyncpg,
    "click": hook_click,
    "svc.web.dispatch": hook_routing,
}
