"""`cabinet chat`: the conversations of a user, over HTTP."""

from __future__ import annotations

from uuid import UUID

import click

from cabinet_client import AsyncCabinet, models
from svc.cli.connection import connection_options, run_client
from svc.cli.output import echo, echo_json, echo_lines
from svc.cli.table import print_table


@click.group()
def chat() -> None:
    """List and read conversations."""


@chat.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Most conversations.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@connection_options
def list_command(client: AsyncCabinet, limit: int, as_json: bool) -> None:
    """List the conversations, newest first."""

    async def work(client: AsyncCabinet) -> list[models.Conversation]:
        found: list[models.Conversation] = []
        async for each in client.conversations.list():
            found.append(each)
            if len(found) == limit:
                break
        return found

    conversations = run_client(client, work)
    if as_json:
        echo_json(conversations)
        return
    print_table(
        ["id", "title", "messages", "updated"],
        [
            [str(each.id), each.title or "", f"{each.message_count:,}", f"{each.updated_at:%Y-%m-%d %H:%M}"]
            for each in conversations
        ],
    )


@chat.command("show")
@click.argument("conversation_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@connection_options
def show_command(client: AsyncCabinet, conversation_id: UUID, as_json: bool) -> None:
    """Print the messages of a conversation."""

    async def work(client: AsyncCabinet) -> list[models.Message]:
        return [message async for message in client.conversations.messages(conversation_id)]

    messages = run_client(client, work)
    if as_json:
        echo_json(messages)
        return
    for message in messages:
        sources = "".join(f" [{source.filename or source.state}]" for source in message.sources)
        echo(f"{message.position}. {message.role}{sources}", bold=True)
        echo_lines(message.text)
        echo()
