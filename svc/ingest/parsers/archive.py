"""ZIP archives: the files in them that can be read, one below the other."""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text
from svc.ingest.parsers.inner import write_inner
from svc.ingest.parsers.office import packed
from svc.ingest.parsers.rejections import damaged

_UNPACKED_MOST_BYTES = 256 * 2**20
_MOST_FILES = 1_000
_NAMED = 20  # in a warning
_NOT_FILES = ("__macosx/", ".ds_store", "thumbs.db")
_ENCRYPTED, _SAYS_UTF_8 = 0x1, 0x800

SAMPLE = packed({"a.txt": "a"})


def parse(data: bytes) -> ReadDocument:
    """Return the text of each file, below its name (`file`)."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise damaged("zip", "the end of the archive is missing") from error
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_noise(member.filename)]
    unpacked_bytes = sum(member.file_size for member in members)
    if unpacked_bytes > _UNPACKED_MOST_BYTES:
        raise DocumentRejectedError(
            f"The ZIP archive is too large: it unpacks to {unpacked_bytes // 2**20} MB, "
            f"and the limit is {_UNPACKED_MOST_BYTES // 2**20} MB."
        )
    writer = Writer()
    unread, encrypted = [], []
    for member in members[:_MOST_FILES]:
        name = _shown(_written(member))
        writer.place = {"file": name}
        if member.flag_bits & _ENCRYPTED:
            encrypted.append(name)
            continue
        content = _content(archive, member)
        if content is None or not write_inner(name, content, writer):
            unread.append(name)
    if len(members) > 1:
        writer.warn(f"The {len(members)} files of the archive are one document; upload each to have one of its own.")
    if len(members) > _MOST_FILES:
        writer.warn(f"The archive has {len(members)} files, of which the first {_MOST_FILES} were read.")
    if encrypted:
        writer.warn(f"Files that are encrypted with a password and were not read: {_listed(encrypted)}.")
    if unread:
        writer.warn(f"Files that were not read: {_listed(unread)}.")
    return writer.document()


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
        return None


def _is_noise(name: str) -> bool:
    return name.lower().startswith(_NOT_FILES[0]) or name.lower().rpartition("/")[2] in _NOT_FILES


def _written(member: zipfile.ZipInfo) -> str:
    """The name of a file. Many programs write UTF-8 and do not say so."""
    if not member.flag_bits & _SAYS_UTF_8:
        with contextlib.suppress(UnicodeError):
            return member.filename.encode("cp437").decode("utf-8")
    return member.filename


def _shown(name: str) -> str:
    parts = [part for part in clean_text(name).replace("\\", "/").split("/") if part.strip() not in ("", ".", "..")]
    return " ".join("/".join(parts).split())[-200:] or "file"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
