"""`cabinet document`: the documents of a user, over HTTP."""

from __future__ import annotations

import sys
from uuid import UUID

import click

from cabinet_client import AsyncCabinet, models
from svc.cli.connection import connection_options, run_client
from svc.cli.output import echo, echo_json, echo_lines
from svc.cli.table import print_table


@click.group()
def document() -> None:
    """List, read and delete documents."""


@document.command("list")
@click.option("--status", type=click.Choice(["processing", "ready", "error"]), help="Only those with this status.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Most documents.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@connection_options
def list_command(client: AsyncCabinet, status: str | None, limit: int, as_json: bool) -> None:
    """List the documents, newest first."""

    async def work(client: AsyncCabinet) -> list[models.Document]:
        found: list[models.Document] = []
        async for each in client.documents.list(status=status):  # type: ignore[arg-type]
            found.append(each)
            if len(found) == limit:
                break
        return found

    documents = run_client(client, work)
    if as_json:
        echo_json(documents)
        return
    print_table(
        ["id", "name", "type", "bytes", "chunks", "status"],
        [
            [str(each.id), each.filename, each.file_type, f"{each.file_size:,}", f"{each.chunk_count:,}", _status(each)]
            for each in documents
        ],
    )


def _status(document: models.Document) -> str:
    if document.error is not None:
        return f"{document.status}: {document.error}"
    return f"{document.status}, {len(document.warnings)} warnings" if document.warnings else document.status


@document.command("show")
@click.argument("document_id", type=click.UUID)
@connection_options
def show_command(client: AsyncCabinet, document_id: UUID) -> None:
    """Show all fields of a document."""

    async def work(client: AsyncCabinet) -> models.Document:
        return await client.documents.get(document_id)

    echo_json(run_client(client, work))


@document.command("text")
@click.argument("document_id", type=click.UUID)
@click.option("--offset", type=click.IntRange(0), default=0, help="The first character, counted from 0.")
@click.option("--limit", type=click.IntRange(1), help="Most characters.")
@connection_options
def text_command(client: AsyncCabinet, document_id: UUID, offset: int, limit: int | None) -> None:
    """Print the text of a document, as it was read."""

    async def work(client: AsyncCabinet) -> str:
        return await client.documents.text(document_id, offset=offset, limit=limit)

    echo_lines(run_client(client, work))


@document.command("content")
@click.argument("document_id", type=click.UUID)
@connection_options
def content_command(client: AsyncCabinet, document_id: UUID) -> None:
    """Write the bytes of a document, as they were uploaded, to standard output."""

    async def work(client: AsyncCabinet) -> bytes:
        return await client.documents.content(document_id)

    sys.stdout.buffer.write(run_client(client, work))


@document.command("delete")
@click.argument("document_ids", type=click.UUID, nargs=-1, required=True)
@connection_options
def delete_command(client: AsyncCabinet, document_ids: tuple[UUID, ...]) -> None:
    """Delete documents with their chunks."""

    async def work(client: AsyncCabinet) -> None:
        for document_id in document_ids:
            await client.documents.delete(document_id)
            echo(f"deleted {document_id}")

    run_client(client, work)
