"""The maximum work of one statement, which keeps each far below the time limit of statements.

A part is a chunk, or 2,000 bytes of a file, which costs about as much as the deletion of one row.
"""

from __future__ import annotations

ERASED_PARTS = 10_000
"""Parts that a deletion erases together with the documents; the sweep of the workers erases the rest."""

SWEPT_ROWS = 5_000
"""Chunks, and vectors, of a deleted document that one statement of the sweep erases."""

ERASED_MESSAGES = 10_000
"""Messages, and vectors of messages, that one statement deletes. Longer conversations are deleted in parts."""

REPLACED_DOCUMENTS = 1_000
"""Older documents with the same name that one statement deletes."""

DELETED_READINGS = 1_000
"""Further readings of transferred documents that one statement deletes."""

TRANSFERRED_CHUNKS = 1_000
"""Chunks that one statement transfers to another user. An index of the receiver takes milliseconds for each."""

COPIED_BYTES = 32 * 2**20
"""Bytes of the part of an upload that one statement copies to a file."""

TRANSFERRED_BYTES = 32 * 2**20
"""Bytes of files that one statement copies; a larger file is copied alone."""

SWEPT_FILE_PARTS = 64
"""Parts of the file of a deleted document, of 1 MiB, that one statement of the sweep erases."""

EMPTIED_FILES = 5_000
"""Files that one statement removes from a deleted or expired collection, and batches that it deletes."""
