"""The demo's uploads: many documents at once, each followed by its `progress` until it can be searched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.progress import Progress, TaskID

from svc.demo.client import Account, DemoFailedError
from svc.demo.samples import Sample
from svc.demo.screen import Screen

Document = dict[str, Any]

_INGESTION_S = 60.0
_POLL_S = 0.05


async def upload_all(screen: Screen, samples: Mapping[Account, Sequence[Sample]]) -> dict[Account, list[Document]]:
    """Upload the files of each account, with a progress bar for each; the documents once all are ready, in order of
    upload.

    Raises:
        DemoFailedError: one was not ingested, or they took too long.
    """
    with screen.progress() as progress:
        documents = await asyncio.gather(*(_upload(account, samples[account], progress) for account in samples))
    return dict(zip(samples, documents, strict=True))


async def _upload(account: Account, samples: Sequence[Sample], progress: Progress) -> list[Document]:
    bar = progress.add_task(f"{account.name:<5}", total=len(samples))
    answers = [
        await account.call("POST", "/documents", files={"file": (sample.filename, sample.content)}, expect=[202])
        for sample in samples
    ]
    deadline = time.monotonic() + _INGESTION_S
    while time.monotonic() < deadline:
        listed = await account.call("GET", "/documents", params={"limit": 100})
        by_id = {document["id"]: document for document in listed.body["data"]}
        documents = [by_id[answer.body["id"]] for answer in answers]
        _show_progress(progress, bar, documents)
        if all(document["status"] == "ready" for document in documents):
            return documents
        await asyncio.sleep(_POLL_S)
    raise DemoFailedError(f"{account.name}'s documents are not ready after {_INGESTION_S:.0f} s")


def _show_progress(progress: Progress, bar: TaskID, documents: Sequence[Document]) -> None:
    for document in documents:
        if document["status"] == "error":
            raise DemoFailedError(f"{document['filename']} was not ingested: {document['error']}")
    progress.update(bar, completed=sum(document["progress"] for document in documents))
