"""Documents: upload, wait, read, change, delete."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Unpack

from cabinet_client import bodies, models
from cabinet_client._async.file_forms import FileForm
from cabinet_client._async.pages import AsyncPages
from cabinet_client._async.resource import Resource
from cabinet_client.bodies import Id
from cabinet_client.errors import IngestionError, WaitTimeoutError
from cabinet_client.events import IngestionEvent, Listener

_FIRST_POLL_S = 0.1
_MOST_POLL_S = 2.0


class AsyncDocuments(Resource):
    """Documents of the user."""

    async def create(
        self,
        filename: str,
        content: str | bytes | Path,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[bodies.Upload],
    ) -> models.Document:
        """Upload one document, which is ingested in the background; see `wait`.

        A file is a `Path`. It is read while it is sent, with little memory, and again for each attempt.

        Raises:
            FileChangedError: the file became shorter while it was sent.
            OSError: the file cannot be read.
        """
        form = {name: _form_value(value) for name, value in options.items() if value is not None}
        form["filename"] = filename
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        sent: dict[str, Any]
        if isinstance(content, Path):
            file_form = await FileForm.of(content, filename, form)
            headers |= file_form.headers
            sent = {"content": file_form}
        else:
            data = content if isinstance(content, bytes) else content.encode()
            sent = {"files": {"file": (filename, data)}, "data": form}
        return await self._request("POST", "/documents", headers=headers, returns=models.Document, **sent)

    async def create_from_chunks(
        self,
        filename: str,
        chunks: Sequence[bodies.NewChunk],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[bodies.Upload],
    ) -> models.Document:
        """Store a document as chunks that you have made, with or without vectors; see `wait`."""
        return await self._request(
            "POST",
            "/documents",
            body={"filename": filename, "chunks": chunks, **options},
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            returns=models.Document,
        )

    async def put_content(self, document_id: Id, content: bytes) -> models.Document:
        """Replace the bytes of a document; searches find the earlier bytes until these have been read."""
        return await self._request("PUT", f"/documents/{document_id}/content", content=content, returns=models.Document)

    async def rechunk(self, document_id: Id, *, chunk_tokens: int, overlap_tokens: int = 0) -> models.Document:
        """Split a document again; searches find its current chunks until the new ones are ready."""
        body = {"chunk_tokens": chunk_tokens, "overlap_tokens": overlap_tokens}
        return await self._request(
            "POST", f"/documents/{document_id}/rechunk", body=body, is_safe=True, returns=models.Document
        )

    async def wait(
        self, documents: Iterable[models.Document | Id], timeout_s: float = 600.0, progress: Listener | None = None
    ) -> Sequence[models.Document]:
        """Wait until documents are ready.

        Raises:
            IngestionError: some of them could not be read.
            WaitTimeoutError: some are still being ingested after `timeout_s` seconds.
            NotFoundError: one of them was deleted meanwhile.
        """
        ids = [document.id if isinstance(document, models.Document) else document for document in documents]
        deadline = monotonic() + timeout_s
        done: dict[str, models.Document] = {}
        seen: dict[str, tuple[str, float]] = {}
        poll_s = _FIRST_POLL_S
        while True:
            for document_id in ids:
                if str(document_id) in done:
                    continue
                document = await self.get(document_id)
                state = (document.status, document.progress)
                if progress is not None and seen.get(str(document_id)) != state:
                    progress(IngestionEvent(document))
                seen[str(document_id)] = state
                if document.status == "processing":
                    break
                done[str(document_id)] = document
            if len(done) == len({str(document_id) for document_id in ids}):
                break
            if monotonic() >= deadline:
                raise WaitTimeoutError(
                    f"{len(ids) - len(done)} documents are still being ingested after {timeout_s:g} s"
                )
            await asyncio.sleep(poll_s)
            poll_s = min(_MOST_POLL_S, poll_s * 1.5)
        if failed := [document for document in done.values() if document.status == "error"]:
            raise IngestionError(failed)
        return [done[str(document_id)] for document_id in ids]

    def list(
        self,
        *,
        status: bodies.Status | None = None,
        collection_ids: Sequence[Id] | None = None,
        where: Mapping[str, Any] | None = None,
        after: Id | None = None,
    ) -> AsyncPages[models.Document]:
        """The documents, newest first: all, or those that match the conditions. `where` is a filter.

        `after` is the id of the document before the first one.
        """
        params = {
            "after": after,
            "status": status,
            "collection_ids": None if collection_ids is None else ",".join(map(str, collection_ids)),
            "filter": None if where is None else json.dumps(where),
        }
        return AsyncPages(self._client, "/documents", params, models.Document)

    async def get(self, document_id: Id) -> models.Document:
        """One document."""
        return await self._request("GET", f"/documents/{document_id}", returns=models.Document)

    async def content(self, document_id: Id) -> bytes:
        """The bytes as they were uploaded."""
        return await self._request("GET", f"/documents/{document_id}/content", returns=bytes)

    async def text(self, document_id: Id, *, offset: int | None = None, limit: int | None = None) -> str:
        """The text as it was read, or `limit` characters of it, starting at `offset`."""
        part = {name: value for name, value in (("offset", offset), ("limit", limit)) if value is not None}
        content = await self._request("GET", f"/documents/{document_id}/text", params=part, returns=bytes)
        return content.decode()

    def chunks(self, document_id: Id, *, after: int | None = None) -> AsyncPages[models.Chunk]:
        """The chunks of a document, in order; `after` is the index of the chunk before the first one."""
        return AsyncPages(self._client, f"/documents/{document_id}/chunks", {"after": after}, models.Chunk)

    async def chunk(self, chunk_id: Id, *, neighbours: int = 0) -> models.ChunkOfDocument:
        """One chunk, with the text around it if `neighbours` is given."""
        return await self._request(
            "GET", f"/chunks/{chunk_id}", params={"neighbours": neighbours}, returns=models.ChunkOfDocument
        )

    async def update(self, document_id: Id, **fields: Unpack[bodies.UpdateDocument]) -> models.Document:
        """Change the name, the metadata or the expiry of a document."""
        return await self._request(
            "PATCH", f"/documents/{document_id}", body=fields, is_safe=True, returns=models.Document
        )

    async def retry(self, document_id: Id) -> models.Document:
        """Ingest a document with the status error again."""
        return await self._request("POST", f"/documents/{document_id}/retry", returns=models.Document)

    async def delete(self, document_id: Id) -> None:
        """Delete a document with its chunks."""
        await self._request("DELETE", f"/documents/{document_id}", returns=type(None))

    async def delete_many(self, **selection: Unpack[bodies.Selection]) -> models.DocumentsDeleted:
        """Delete up to 1,000 documents; repeat it while `more` is true."""
        return await self._request(
            "POST", "/documents/delete", body=selection, is_safe=True, returns=models.DocumentsDeleted
        )

    async def retry_many(
        self,
        document_ids: Sequence[Id] | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        collection_ids: Sequence[Id] | None = None,
    ) -> models.DocumentsQueued:
        """Ingest failed documents again, all of them if none are named; `where` is a filter."""
        body: dict[str, Any] = {"document_ids": document_ids, "filter": where, "collection_ids": collection_ids}
        if document_ids is None and where is None and collection_ids is None:
            body = {"all": True}
        return await self._request("POST", "/documents/retry", body=body, returns=models.DocumentsQueued)

    async def patch_metadata(
        self, document_ids: Sequence[Id] | None, patch: Mapping[str, Any], *, where: Mapping[str, Any] | None = None
    ) -> int:
        """Change the metadata of documents by a JSON merge patch; returns the number of documents.

        With a filter `where` and no ids, all documents that match it are changed, 1,000 in each request.
        """
        body: dict[str, Any] = {"document_ids": document_ids, "filter": where, "patch": patch}
        updated = 0
        while True:
            answer = await self._request(
                "POST", "/documents/metadata", body=body, is_safe=True, returns=models.MetadataPatched
            )
            updated += answer.updated
            if answer.next is None:
                return updated
            body["after"] = answer.next

    async def transfer(self, document_ids: Sequence[Id], to_user: Id) -> models.DocumentsTransferred:
        """Transfer documents of the user to another user; for the admin."""
        body = {"document_ids": document_ids, "to_user": to_user}
        return await self._request("POST", "/documents/transfer", body=body, returns=models.DocumentsTransferred)


def _form_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, dict) else value.isoformat()
