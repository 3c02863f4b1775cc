# Generated from ../_async/ by generate_sync.py: change that file instead.
"""Collections of documents, their files and batches."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Unpack

from cabinet_client import bodies, models
from cabinet_client._sync.accounts import named
from cabinet_client._sync.pages import Pages
from cabinet_client._sync.resource import Resource
from cabinet_client.bodies import Id


class Collections(Resource):
    """Collections of the user, to which a search can be limited."""

    def create(
        self, *, idempotency_key: str | None = None, **fields: Unpack[bodies.Collection]
    ) -> models.Collection:
        """Create a collection."""
        return self._request(
            "POST",
            "/collections",
            body=fields,
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            returns=models.Collection,
        )

    def list(self, *, shared: bool = False) -> Pages[models.Collection]:
        """The collections, newest first: of the user, or those that others share with the user."""
        return Pages(self._client, "/collections", {"shared": "true"} if shared else {}, models.Collection)

    def get(self, collection_id: Id) -> models.Collection:
        """One collection, with the number of its files in each state."""
        return self._request("GET", f"/collections/{collection_id}", returns=models.Collection)

    def update(self, collection_id: Id, **fields: Unpack[bodies.Collection]) -> models.Collection:
        """Change a collection; omitted fields keep their values."""
        return self._request(
            "PATCH", f"/collections/{collection_id}", body=fields, is_safe=True, returns=models.Collection
        )

    def delete(self, collection_id: Id) -> None:
        """Delete a collection; its documents stay."""
        self._request("DELETE", f"/collections/{collection_id}", returns=type(None))

    def add(
        self, collection_id: Id, document_id: Id, attributes: bodies.Attributes | None = None
    ) -> models.CollectionFile:
        """Add a document to a collection, with attributes that a search can compare."""
        return self._request(
            "POST",
            f"/collections/{collection_id}/files",
            body={"document_id": document_id, "attributes": attributes or {}},
            is_safe=True,
            returns=models.CollectionFile,
        )

    def files(self, collection_id: Id, **options: Unpack[bodies.ListFiles]) -> Pages[models.CollectionFile]:
        """The files of a collection, the last added first."""
        return Pages(self._client, f"/collections/{collection_id}/files", {**options}, models.CollectionFile)

    def get_file(self, collection_id: Id, document_id: Id) -> models.CollectionFile:
        """One file of a collection."""
        return self._request(
            "GET", f"/collections/{collection_id}/files/{document_id}", returns=models.CollectionFile
        )

    def update_file(
        self, collection_id: Id, document_id: Id, attributes: bodies.Attributes
    ) -> models.CollectionFile:
        """Replace the attributes of a file in a collection."""
        return self._request(
            "PATCH",
            f"/collections/{collection_id}/files/{document_id}",
            body={"attributes": attributes},
            is_safe=True,
            returns=models.CollectionFile,
        )

    def remove(self, collection_id: Id, document_id: Id) -> None:
        """Remove a document from a collection; the document itself stays."""
        self._request("DELETE", f"/collections/{collection_id}/files/{document_id}", returns=type(None))

    def chunks(self, collection_id: Id, document_id: Id, *, after: int | None = None) -> Pages[models.Chunk]:
        """The chunks of a file as the collection has them, in order; `after` as in `documents.chunks`."""
        return Pages(
            self._client,
            f"/collections/{collection_id}/files/{document_id}/chunks",
            {"after": after},
            models.Chunk,
        )

    def add_many(self, collection_id: Id, files: Sequence[bodies.AddedFile]) -> models.FileBatch:
        """Add up to 2,000 documents, all or none."""
        return self._request(
            "POST", f"/collections/{collection_id}/batches", body={"files": files}, returns=models.FileBatch
        )

    def batch(self, collection_id: Id, batch_id: Id) -> models.FileBatch:
        """A batch, with the number of its files in each state."""
        return self._request("GET", f"/collections/{collection_id}/batches/{batch_id}", returns=models.FileBatch)

    def cancel_batch(self, collection_id: Id, batch_id: Id) -> models.FileBatch:
        """Cancel a batch: files that have not been read yet are not searched in the collection."""
        return self._request(
            "POST",
            f"/collections/{collection_id}/batches/{batch_id}/cancel",
            is_safe=True,
            returns=models.FileBatch,
        )

    def share(self, collection_id: Id, user: Id) -> models.Reader:
        """Share a collection with a user; `user` is an id, an email address, an external id or `everyone`."""
        reader = named(user)
        return self._request("PUT", f"/collections/{collection_id}/readers/{reader}", returns=models.Reader)

    def unshare(self, collection_id: Id, user: Id) -> None:
        """Stop sharing a collection with a user or with `everyone`; this takes effect immediately."""
        reader = named(user)
        self._request("DELETE", f"/collections/{collection_id}/readers/{reader}", returns=type(None))

    def readers(self, collection_id: Id) -> Pages[models.Reader]:
        """The readers of a collection, the most recent share first."""
        return Pages(self._client, f"/collections/{collection_id}/readers", {}, models.Reader)
