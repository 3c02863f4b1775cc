"""`cabinet search` and `cabinet ask`: the chunks for a question, for a person or as a prompt."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from cabinet_client import AsyncCabinet, models
from svc.cli.connection import connection_options, run_client
from svc.cli.output import echo, echo_json, echo_lines


@click.command("search")
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 100), default=5, show_default=True, help="Most results.")
@click.option("--document", "document_ids", multiple=True, type=click.UUID, help="Only in this document; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print the service's answer.")
@click.option("--explain", is_flag=True, help="Add the plan of the search; for the admin's key, with --user.")
@connection_options
def search_command(
    client: AsyncCabinet, *, query: str, limit: int, document_ids: Sequence[Any], as_json: bool, explain: bool
) -> None:
    """Search the documents, and print the best chunks."""
    options: dict[str, Any] = {"limit": limit} | ({"document_ids": list(document_ids)} if document_ids else {})

    async def work(client: AsyncCabinet) -> models.SearchResponse:
        return await client.search_response(query, explain=explain, **options)

    answer = run_client(client, work)
    if as_json:
        echo_json(answer)
        return
    for number, result in enumerate(answer.results, start=1):
        print_result(number, result)
    if not answer.results:
        echo("Nothing found.")
    if answer.explanation:
        echo_json(answer.explanation)


def print_result(number: int, result: models.Result) -> None:
    """Print one chunk for a person: its place, its score and its text."""
    place = result.filename + ("" if result.page is None else f", page {result.page}")
    echo(f"{number}. {place}, chunk {result.chunk_index}  ({result.score:.3f})", bold=True)
    width = max(40, min(110, shutil.get_terminal_size((100, 24)).columns)) - 3
    for line in result.content.splitlines():
        echo_lines(textwrap.fill(line, width, initial_indent="   ", subsequent_indent="   "))
    echo()


@click.command("ask")
@click.argument("question")
@click.option("--conversation", type=click.UUID, help="Also print the newest messages of this conversation.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Most sources.")
@click.option("--tokens", type=click.IntRange(1), default=3000, show_default=True, help="Maximum tokens of all texts.")
@click.option("--json", "as_json", is_flag=True, help="Print the service's answer as JSON.")
@connection_options
def ask_command(
    client: AsyncCabinet, *, question: str, conversation: Any, limit: int, tokens: int, as_json: bool
) -> None:
    """Print a prompt for a language model: numbered sources from the documents, and the question."""

    async def work(client: AsyncCabinet) -> models.Turn:
        if conversation is None:
            return _as_turn(await client.search_response(question, limit=limit, max_tokens=tokens))
        return await client.conversations.turn(conversation, question, token_budget=tokens, limit=limit)

    turn = run_client(client, work)
    if as_json:
        echo_json(msgspec.to_builtins(turn if conversation else turn.sources))
        return
    echo("Answer the question from the sources below. Cite them by their numbers, such as [1].")
    if turn.sources:
        echo()
        echo_lines(turn.sources_text)
    for message in turn.messages:
        if isinstance(message.content, str):
            echo()
            echo_lines(f"{message.role}: {message.content}")
    echo()
    echo(f"Question: {question}")


def _as_turn(found: models.SearchResponse) -> models.Turn:
    """The results of a search as a turn without messages."""
    chunks = [
        models.TurnChunk(number=number, **{name: getattr(result, name) for name in result.__struct_fields__})
        for number, result in enumerate(found.results, start=1)
    ]
    tokens = sum(chunk.token_count for chunk in chunks)
    return models.Turn(
        messages=[], chunks=chunks, cited=[], token_count=tokens, history_token_count=0, chunk_token_count=tokens,
        omitted=0, mode=found.mode, lane=found.lane,
    )  # fmt: skip
