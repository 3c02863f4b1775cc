"""`cabinet upload`: uploads files, folders and web pages as documents, except unchanged ones."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cabinet_client import AsyncCabinet, FileChangedError, InvalidRequestError, models
from cabinet_client.files import files_of, links_out_of
from svc.cli.connection import connection_options, run_client
from svc.cli.output import echo
from svc.cli.uploaded import Uploaded
from svc.cli.web_pages import fetched, is_url

_WATCH_S = 1.0


@click.command("upload")
@click.argument("sources", nargs=-1, required=True, metavar="FILE|FOLDER|URL...")
@click.option("--mirror", is_flag=True, help="Delete the documents of files that no longer exist.")
@click.option("--watch", is_flag=True, help="Keep running until Ctrl-C, and upload files that change.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the documents can be searched.")
@connection_options
def upload_command(client: AsyncCabinet, sources: Sequence[str], mirror: bool, watch: bool, wait: bool) -> None:
    """Upload files, the files of folders, and web pages.

    The name of a document is the file's path in its folder. Hidden files, links to them, and links out of the folder
    are skipped; to upload such a link, name it as an argument. A changed file replaces its document. Files that have
    not changed since an earlier upload from this machine are skipped, so that an interrupted upload can be repeated.
    """

    async def work(client: AsyncCabinet) -> bool:
        uploaded = Uploaded(client.url, str((await client.me()).id))
        uploaded.keep_only({str(document.id) async for document in client.documents.list()})
        with tempfile.TemporaryDirectory(prefix="cabinet-upload-") as folder:
            local = [await fetched(source, Path(folder)) if is_url(source) else source for source in sources]
            for name in links_out_of(local):
                echo(f"{name}: skipped, since it is a link to a hidden file or out of the folder", err=True)
            succeeded = await upload_once(client, uploaded, local, mirror=mirror, wait=wait, says_nothing_new=True)
            while watch:
                await asyncio.sleep(_WATCH_S)
                succeeded = await upload_once(client, uploaded, local, mirror=mirror, wait=wait)
        return succeeded

    if not run_client(client, work):
        sys.exit(1)


async def upload_once(
    client: AsyncCabinet,
    uploaded: Uploaded,
    sources: Sequence[str],
    *,
    mirror: bool,
    wait: bool,
    says_nothing_new: bool = False,
) -> bool:
    """Upload the files that have changed since the last time; returns whether all uploads succeeded.

    Raises:
        FileNotFoundError: a source does not exist.
    """
    files = {name: path for path, name in files_of(sources)}
    changed = {
        name: (path, digest)
        for name, path in files.items()
        if (digest := uploaded.changed_digest(name, path)) is not None
    }
    failed, ids = 0, []
    with _progress() as progress:
        task = progress.add_task("uploading", total=len(changed))
        for name, (path, digest) in changed.items():
            try:
                document = await client.documents.create(name, path, on_conflict="replace")
            except InvalidRequestError as error:
                failed += 1
                echo(f"{name}: {error.detail}", err=True)
            except FileChangedError as error:
                failed += 1
                echo(str(error), err=True)
            else:
                uploaded.note(name, path, digest, str(document.id))
                ids.append(document.id)
            progress.advance(task)
        if wait and ids:
            task = progress.add_task("ingesting", total=len(ids))
            for document_id in ids:
                document = await _ended(client, document_id)
                if document.status == "error":
                    failed += 1
                    uploaded.forget(document.filename)
                    echo(f"{document.filename}: {document.error}", err=True)
                progress.advance(task)
    deleted = await _delete_vanished(client, uploaded, files, sources) if mirror else 0
    if changed or deleted or says_nothing_new:
        unchanged = len(files) - len(changed)
        echo(
            f"{len(ids)} uploaded, {unchanged} unchanged"
            + (f", {deleted} deleted" if mirror else "")
            + (f", {failed} failed" if failed else "")
        )
    return not failed


async def _ended(client: AsyncCabinet, document_id: UUID) -> models.Document:
    pause_s = 0.1
    while (document := await client.documents.get(document_id)).status == "processing":
        await asyncio.sleep(pause_s)
        pause_s = min(2.0, pause_s * 1.5)
    return document


async def _delete_vanished(
    client: AsyncCabinet, uploaded: Uploaded, files: dict[str, Path], sources: Sequence[str]
) -> int:
    """Delete the documents of files that were uploaded from these folders and no longer exist."""
    folders = [Path(source).resolve() for source in sources if Path(source).is_dir()]
    vanished = [name for name in uploaded.below(folders) if name not in files]
    ids = [uploaded.document_id(name) for name in vanished]
    if ids:
        await client.documents.delete_many(document_ids=ids)
    for name in vanished:
        uploaded.forget(name)
    return len(vanished)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    )
