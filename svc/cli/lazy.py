"""Commands that are imported when they are called, so that `cabinet --help` loads none of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass

import click

from svc.cli.usage_errors import Commands


@dataclass(frozen=True)
class Source:
    """Where a command is: `function` in the module `svc.cli.<module>`, and its description in the list of commands."""

    module: str
    function: str
    help: str

    def load(self) -> click.Command:
        """Import it."""
        command = getattr(importlib.import_module(f"svc.cli.{self.module}"), self.function)
        assert isinstance(command, click.Command)
        return command


class _Loaded(MutableMapping[str, click.Command]):
    """The commands by name; each is imported when it is used."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            self._loaded[name] = self._sources[name].load()
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, name: object) -> bool:
        return name in self._sources


class LazyGroup(Commands):
    """A group of commands that are imported from its `sources`."""

    sources: Mapping[str, Source] = {}

    def use(self, sources: Mapping[str, Source]) -> None:
        """Use the commands of these modules."""
        self.sources = sources
        self.commands = _Loaded(sources)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.sources[name].help) for name in self.list_commands(ctx)])
