"""Files inside files: the members of archives and the attachments of mails."""

from __future__ import annotations

from contextvars import ContextVar

from svc.errors import CabinetError, DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.file_types import detect_file_type
from svc.ingest.parsers import recognition

_DEEPEST = 2
_depth: ContextVar[int] = ContextVar("depth of files inside of files", default=0)


def write_inner(name: str, data: bytes, writer: Writer) -> bool:
    """Write a file below its name, and return whether it could be read. Its own warnings follow its name."""
    document = read_inner(name, data, writer)
    if document is None:
        return False
    writer.add("heading", name, level=1)
    writer.add_blocks(document)
    return True


def read_inner(name: str, data: bytes, writer: Writer) -> ReadDocument | None:
    """Return the text of a file inside another one; None with a warning if it cannot be read."""
    from svc.ingest.parse import parse  # noqa: PLC0415 - it imports the parsers

    depth = _depth.get()
    if depth >= _DEEPEST:
        writer.warn(f"{name} was not read: it is nested in more than {_DEEPEST} files.")
        return None
    token = _depth.set(depth + 1)
    try:
        return parse(detect_file_type(name, data, images=recognition.is_on()), data)
    except DocumentRejectedError as error:
        writer.warn(f"{name}: {error.detail}")
        return None
    except CabinetError:  # a type that cannot be read, or an empty file
        return None
    finally:
        _depth.reset(token)
