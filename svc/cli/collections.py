"""`cabinet collection`: the collections of a user, their files and readers, over HTTP."""

from __future__ import annotations

from typing import Literal, TypeAlias
from uuid import UUID

import click
from msgspec import Struct

from cabinet_client import AsyncCabinet, bodies, models
from svc.cli.connection import connection_options, run_client
from svc.cli.output import echo, echo_json
from svc.cli.table import print_table

_Status: TypeAlias = Literal["processing", "ready", "error", "cancelled"]
_most = click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Most rows.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_collection = click.argument("collection_id", metavar="COLLECTION", type=click.UUID)
_reader = click.argument("reader", metavar="USER")


class Shown(Struct, frozen=True):
    """A collection with its readers, which only its owner sees."""

    collection: models.Collection
    readers: list[models.Reader]


@click.group()
def collection() -> None:
    """Manage and share collections of documents."""


@collection.command("list")
@click.option("--shared", is_flag=True, help="Those that other users share with you.")
@_most
@_json
@connection_options
def list_command(client: AsyncCabinet, shared: bool, limit: int, as_json: bool) -> None:
    """List the collections, newest first."""

    async def work(client: AsyncCabinet) -> list[models.Collection]:
        found: list[models.Collection] = []
        async for each in client.collections.list(shared=shared):
            found.append(each)
            if len(found) == limit:
                break
        return found

    collections = run_client(client, work)
    if as_json:
        echo_json(collections)
        return
    print_table(
        ["id", "name", "files", "bytes", "status"],
        [[str(each.id), each.name or "", _files(each), f"{each.file_bytes:,}", each.status] for each in collections],
    )


def _files(collection: models.Collection) -> str:
    counts = collection.file_counts
    return f"{counts.total:,}" if counts.is_exact else f"more than {counts.total:,}"


@collection.command("show")
@_collection
@_json
@connection_options
def show_command(client: AsyncCabinet, collection_id: UUID, as_json: bool) -> None:
    """Show a collection and its readers."""

    async def work(client: AsyncCabinet) -> Shown:
        found = await client.collections.get(collection_id)
        is_own = found.access == "owner"
        readers = [each async for each in client.collections.readers(collection_id)] if is_own else []
        return Shown(found, readers)

    shown = run_client(client, work)
    if as_json:
        echo_json(shown)
        return
    found, counts = shown.collection, shown.collection.file_counts
    fields = {
        "id": str(found.id),
        "name": found.name or "",
        "description": found.description or "",
        "access": found.access,
        "status": found.status,
        "files": f"{_files(found)}: {counts.ready:,} ready, {counts.processing:,} processing, {counts.error:,} failed",
        "bytes": f"{found.file_bytes:,}",
        "expires": "never" if found.expires_at is None else f"{found.expires_at:%Y-%m-%d %H:%M}",
    }
    for name, value in fields.items():
        echo(f"{name:11} {value}")
    for reader in shown.readers:
        echo(f"{'reader':11} {'everyone' if reader.is_everyone else reader.user_id}")


@collection.command("create")
@click.argument("name")
@click.option("--description", help="About it.")
@click.option("--expires-after", type=click.IntRange(1), metavar="SECONDS", help="Seconds after its last use.")
@_json
@connection_options
def create_command(
    client: AsyncCabinet, name: str, description: str | None, expires_after: int | None, as_json: bool
) -> None:
    """Create a collection, and print its id."""

    async def work(client: AsyncCabinet) -> models.Collection:
        return await client.collections.create(name=name, description=description, expires_after_s=expires_after)

    created = run_client(client, work)
    if as_json:
        echo_json(created)
    else:
        echo(str(created.id))


@collection.command("delete")
@click.argument("collection_ids", metavar="COLLECTION...", type=click.UUID, nargs=-1, required=True)
@connection_options
def delete_command(client: AsyncCabinet, collection_ids: tuple[UUID, ...]) -> None:
    """Delete collections. Their documents stay."""

    async def work(client: AsyncCabinet) -> None:
        for collection_id in collection_ids:
            await client.collections.delete(collection_id)
            echo(f"deleted {collection_id}")

    run_client(client, work)


@collection.command("files")
@_collection
@click.option(
    "--status",
    type=click.Choice(["processing", "ready", "error", "cancelled"]),
    help="Only those with this status.",
)
@_most
@_json
@connection_options
def files_command(client: AsyncCabinet, collection_id: UUID, status: _Status | None, limit: int, as_json: bool) -> None:
    """List the files of a collection, the last added first."""

    async def work(client: AsyncCabinet) -> list[models.CollectionFile]:
        found: list[models.CollectionFile] = []
        chosen: bodies.ListFiles = {} if status is None else {"status": status}
        async for each in client.collections.files(collection_id, **chosen):
            found.append(each)
            if len(found) == limit:
                break
        return found

    files = run_client(client, work)
    if as_json:
        echo_json(files)
        return
    print_table(
        ["document", "name", "type", "bytes", "status"],
        [
            [
                str(each.document_id),
                each.filename,
                each.file_type,
                f"{each.file_size:,}",
                each.status if each.error is None else f"{each.status}: {each.error}",
            ]
            for each in files
        ],
    )


@collection.command("add")
@_collection
@click.argument("document_ids", metavar="DOCUMENT...", type=click.UUID, nargs=-1, required=True)
@connection_options
def add_command(client: AsyncCabinet, collection_id: UUID, document_ids: tuple[UUID, ...]) -> None:
    """Add documents to a collection, all or none."""

    async def work(client: AsyncCabinet) -> models.FileBatch:
        return await client.collections.add_many(collection_id, [{"document_id": each} for each in document_ids])

    run_client(client, work)
    echo(f"added {len(document_ids):,}")


@collection.command("share")
@_collection
@_reader
@_json
@connection_options
def share_command(client: AsyncCabinet, collection_id: UUID, reader: str, as_json: bool) -> None:
    """Let a user read a collection: by id, email address or external id, or `everyone` with the admin key."""

    async def work(client: AsyncCabinet) -> models.Reader:
        return await client.collections.share(collection_id, reader)

    share = run_client(client, work)
    if as_json:
        echo_json(share)
    else:
        echo(f"shared with {'everyone' if share.is_everyone else share.user_id}")


@collection.command("unshare")
@_collection
@_reader
@connection_options
def unshare_command(client: AsyncCabinet, collection_id: UUID, reader: str) -> None:
    """Stop sharing a collection with a reader. This takes effect immediately."""

    async def work(client: AsyncCabinet) -> None:
        await client.collections.unshare(collection_id, reader)

    run_client(client, work)
    echo(f"no longer shared with {reader}")
