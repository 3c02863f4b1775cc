"""How much one statement does at most, so that each stays far below the time limit of statements.

A part is a chunk, or 2,000 bytes of a file: about the cost of deleting one row.
"""

from __future__ import annotations

ERASED_PARTS = 10_000
"""Parts that a deletion erases together with the documents; the workers' sweep erases the others."""

SWEPT_ROWS = 5_000
"""Chunks, and vectors, of a deleted document that one statement of the sweep erases."""

ERASED_MESSAGES = 10_000
"""Messages, and vectors of messages, that one statement deletes; of a conversation with more, a part at a time."""

REPLACED_DOCUMENTS = 1_000
"""Older documents of one name that one statement deletes."""

TRANSFERRED_CHUNKS = 1_000
"""Chunks that one statement gives to another user; an index of the receiver's own takes milliseconds for each."""

COPIED_BYTES = 32 * 2**20
"""Bytes of the part of an upload that one statement copies to a file."""

TRANSFERRED_BYTES = 32 * 2**20
"""Bytes of files that one statement copies; one file that has more is copied alone."""

SWEPT_FILE_PARTS = 64
"""Parts of the file of a deleted document, of 1 MiB, that one statement of the sweep erases."""

EMPTIED_FILES = 5_000
"""Files that one statement takes out of a collection which is deleted or has expired, and batches that it deletes."""
