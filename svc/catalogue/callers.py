"""Who runs a statement: the routes, the commands and the background loops, found in the code.

A statement is run by whoever reaches a function in which its name stands: `database.one("users/get", …)`.
"""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import click

from svc.catalogue.sources import Sources
from svc.database.queries import open_database
from svc.web.routing import Endpoint

Kind = Literal["route", "command", "loop"]
_KINDS: tuple[Kind, ...] = ("route", "command", "loop")
EVERY_ROUTE = "every route that takes a key"
EVERY_COMMAND = "every command that opens the database"
# Of fewer than so many the one that is missing is not worth a word.
_FEW = 5


@dataclass(frozen=True)
class Caller:
    """One of those who run statements, named `GET /users/{user_id}`, `cabinet index plan` or as a loop's task is."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"loop {self.name}" if self.kind == "loop" else self.name


@dataclass(frozen=True)
class Callers:
    """Who runs each statement, by its name; and the routes that take a key, the commands that open the database."""

    of: dict[str, tuple[Caller, ...]]
    keyed_routes: frozenset[Caller]
    database_commands: frozenset[Caller]

    def named(self, statement: str) -> tuple[str, ...]:
        """Who runs a statement, in words: all routes that take a key are told as one, also where one is missing."""
        callers = self.of[statement]
        words = []
        for group, word in ((self.keyed_routes, EVERY_ROUTE), (self.database_commands, EVERY_COMMAND)):
            missing = group.difference(callers)
            if len(missing) <= min(1, len(group) // _FEW):
                callers = tuple(caller for caller in callers if caller not in group)
                words.append(f"{word} but {', '.join(map(str, missing))}" if missing else word)
        return (*words, *(str(caller) for caller in callers))


def find_callers(statements: Collection[str], endpoints: Iterable[Endpoint], command: click.Command) -> Callers:
    """Who runs each of these statements, given the routes and the command line.

    Reads the Python of the package, which takes about half a second.
    """
    endpoints = list(endpoints)
    sources = _sources()
    found: dict[str, set[Caller]] = {name: set() for name in statements}
    opening = set()
    for caller, roots, texts in _roots(sources, endpoints, command):
        reached = sources.reached(roots)
        for name in _named(statements, texts.union(*(sources.node(node).texts for node in reached))):
            found[name].add(caller)
        if caller.kind == "command" and _node_of(open_database) in reached:
            opening.add(caller)
    order = {endpoint_name(endpoint): number for number, endpoint in enumerate(endpoints)}
    return Callers(
        {
            name: tuple(sorted(callers, key=lambda one: (_KINDS.index(one.kind), order.get(one.name, 0), one.name)))
            for name, callers in found.items()
        },
        frozenset(Caller("route", endpoint_name(one)) for one in endpoints if one.access != "public"),
        frozenset(opening),
    )


@cache
def _sources() -> Sources:
    """The package as it was when it was first asked for: it does not change under a running process."""
    return Sources(Path(inspect.getfile(find_callers)).parents[1])


def endpoint_name(endpoint: Endpoint) -> str:
    """Such as `GET /users/{user_id}`."""
    return f"{endpoint.method} {endpoint.path}"


def _roots(
    sources: Sources, endpoints: Iterable[Endpoint], command: click.Command
) -> Iterator[tuple[Caller, list[str], frozenset[str]]]:
    """Every caller, the nodes that it starts at, and the texts that stand at its start itself."""
    for endpoint in endpoints:
        roots = [_node_of(endpoint.handler)]
        if endpoint.access != "public":
            # What looks after the key; on a public route it returns at once.
            roots.append(f"{Endpoint.__module__}:{Endpoint.__qualname__}.__call__")
        yield Caller("route", endpoint_name(endpoint)), roots, frozenset()
    for name, function in _commands(command, "cabinet"):
        yield Caller("command", name), [_node_of(function)], frozenset()
    for node in sources.names:
        for task in sources.node(node).tasks:
            yield Caller("loop", task.name), list(task.uses), task.texts


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from _commands(inner, f"{name} {inner.name}")
    elif command.callback is not None:
        yield name, command.callback


def _node_of(function: Callable[..., Any]) -> str:
    function = inspect.unwrap(function)
    return f"{function.__module__}:{function.__qualname__}"


def _named(statements: Collection[str], texts: Collection[str]) -> set[str]:
    """The statements whose names are among these texts."""
    named = set(statements).intersection(texts)
    for pattern in texts:
        # A name that is put together, such as f"samples/{what}": its folder at least stands there.
        folder, slash, _ = pattern.partition("/")
        if "*" in pattern and slash and folder.isidentifier():
            named.update(fnmatch.filter(statements, pattern))
    return named
