"""The commands of the command line."""

from __future__ import annotations

import click


def command_names(command: click.Command, name: str = "cabinet") -> set[str]:
    """Each as it is called, such as `cabinet index plan`."""
    if not isinstance(command, click.Group):
        return {name}
    context = click.Context(command)
    inner = [(word, command.get_command(context, word)) for word in command.list_commands(context)]
    return {leaf for word, one in inner if one is not None for leaf in command_names(one, f"{name} {word}")}
