"""Files that are embedded in a document of Office as objects: read below it, or named."""

from __future__ import annotations

import io
import posixpath
import struct

import olefile

from svc.ingest.document import Writer
from svc.ingest.ole import SIGNATURE
from svc.ingest.parsers.inner import write_inner
from svc.ingest.parsers.office import Package

_MOST_OBJECTS = 100
_NAMED = 20  # in a warning
_PACKAGED = ("Package", "CONTENTS", "EmbeddedOdf")
_NATIVE = "\x01Ole10Native"


class Objects:
    """The objects of one document, which are written after it, so that its sections stay complete."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}
        self._unread: dict[str, None] = {}

    def add(self, part: str | None, kind: str, target: str = "") -> None:
        """Record an object: its part, the program that made it, and its location if it is only linked."""
        if part is not None:
            self._kinds.setdefault(part, kind)
        else:
            self._unread[" ".join(filter(None, (target or "an object", f"({kind})" if kind else "")))] = None

    def write(self, package: Package, writer: Writer) -> None:
        """Write the readable objects, each below its name (`embedded`), and name the others."""
        place = writer.place
        for part, kind in list(self._kinds.items())[:_MOST_OBJECTS]:
            name, content = _content(posixpath.basename(part), package.read(part) or b"")
            writer.place = {**place, "embedded": name}
            if not write_inner(name, content, writer):
                self._unread[f"{name} ({kind})" if kind else name] = None
        writer.place = place
        if len(self._kinds) > _MOST_OBJECTS:
            writer.warn(f"There are {len(self._kinds)} embedded objects, of which {_MOST_OBJECTS} were read.")
        if names := list(self._unread):
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            writer.warn(f"Embedded objects that were not read: {', '.join(names[:_NAMED])}{more}.")


def _content(name: str, data: bytes) -> tuple[str, bytes]:
    """The name and the bytes of the file inside an object, or those of the object."""
    if not data.startswith(SIGNATURE):
        return name, data
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            for each in _PACKAGED:
                if file.exists(each):
                    return name, file.openstream(each).read()
            if file.exists(_NATIVE):
                return _native(file.openstream(_NATIVE).read(), name)
    except (OSError, ValueError, struct.error, IndexError):  # olefile's own errors are OSErrors
        pass
    return name, data


def _native(data: bytes, name: str) -> tuple[str, bytes]:
    """The file that was dropped into a document, which its object describes with its name and its former place."""
    at = 6
    label = data[at : data.index(b"\0", at)]
    at = data.index(b"\0", at) + 1
    at = data.index(b"\0", at) + 1 + 4
    at += 4 + struct.unpack_from("<I", data, at)[0]
    size = struct.unpack_from("<I", data, at)[0]
    shown = label.decode("cp1252", "replace").replace("\\", "/").rpartition("/")[2]
    return shown or name, data[at + 4 : at + 4 + size]
