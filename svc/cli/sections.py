"""The help of a command in sections: its own options first, those of the database and of the log last."""

from __future__ import annotations

from typing import Any

import click


class SettingOption(click.Option):
    """An option that sets a setting. `section` is its section in the help."""

    def __init__(self, *arguments: Any, section: str | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.section = section


class Command(click.Command):
    """A command whose options are shown in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the command, and then those of each section."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                name = parameter.section if isinstance(parameter, SettingOption) else None
                sections.setdefault(name or "Options", []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
