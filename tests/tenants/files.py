"""Exports as files: written, split into lines, and reassembled with a valid last line."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from typing import Any
from uuid import UUID

from svc.database.queries import Database
from svc.tenants.export import find_export


async def exported(database: Database, user_id: UUID) -> bytes:
    """The whole export of a user."""
    return b"".join([page async for page in (await find_export(database, user_id)).pages()])


def lines_of(export: bytes) -> list[dict[str, Any]]:
    """Its lines."""
    return [json.loads(line) for line in export.splitlines()]


def file_of(lines: list[dict[str, Any]], *, ensure_ascii: bool = False) -> io.BytesIO:
    """A file of these lines with a correct last line."""
    texts = [json.dumps(line, ensure_ascii=ensure_ascii).encode() + b"\n" for line in lines[:-1]]
    rows = Counter(line["line"] for line in lines[1:-1])
    end = {"line": "end", "rows": rows, "sha256": hashlib.sha256(b"".join(texts)).hexdigest()}
    return io.BytesIO(b"".join([*texts, json.dumps(end).encode() + b"\n"]))
