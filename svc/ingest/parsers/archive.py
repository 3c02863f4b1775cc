"""ZIP archives: the readable files in them, one below the other."""

from __future__ import annotations

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text
from svc.ingest.parsers.inner import write_inner
from svc.ingest.parsers.office import packed
from svc.ingest.parsers.rejections import damaged
from svc.ingest.parsers.zip_members import Members

_UNPACKED_MOST_BYTES = 256 * 2**20
_MOST_FILES = 1_000
_NAMED = 20  # in a warning
_NOT_FILES = ("__macosx/", ".ds_store", "thumbs.db")

SAMPLE = packed({"a.txt": "a"})


def parse(data: bytes) -> ReadDocument:
    """Return the text of each file, below its name (`file`)."""
    try:
        archive = Members(data)
    except ValueError as error:
        raise damaged("zip", "no file in it is whole") from error
    members = [member for member in archive.infos if not member.is_dir() and not _is_noise(member.filename)]
    unpacked_bytes = sum(member.file_size for member in members)
    if unpacked_bytes > _UNPACKED_MOST_BYTES:
        raise DocumentRejectedError(
            f"The ZIP archive is too large: it unpacks to {unpacked_bytes // 2**20} MB, "
            f"and the limit is {_UNPACKED_MOST_BYTES // 2**20} MB."
        )
    writer = Writer()
    unread, encrypted, cut = [], [], []
    for member in members[:_MOST_FILES]:
        name = _shown(archive.name(member))
        writer.place = {"file": name}
        if archive.is_encrypted(member):
            encrypted.append(name)
            continue
        content, is_whole = archive.read(member) or (b"", True)
        if not content or not write_inner(name, content, writer):
            unread.append(name)
        elif not is_whole:
            cut.append(name)
    writer.place = {}
    if archive.is_cut:
        writer.warn("The end of the archive is missing; the files before that were read.")
    if cut:
        writer.warn(f"Damaged, and read as far as possible: {_listed(cut)}.")
    if len(members) > 1:
        writer.warn(f"The {len(members)} files of the archive are one document; for separate documents, upload each.")
    if len(members) > _MOST_FILES:
        writer.warn(f"The archive has {len(members)} files, of which the first {_MOST_FILES} were read.")
    if encrypted:
        writer.warn(f"Files that are encrypted with a password and were not read: {_listed(encrypted)}.")
    if unread:
        writer.warn(f"Files that were not read: {_listed(unread)}.")
    return writer.document()


def _is_noise(name: str) -> bool:
    return name.lower().startswith(_NOT_FILES[0]) or name.lower().rpartition("/")[2] in _NOT_FILES


def _shown(name: str) -> str:
    parts = [part for part in clean_text(name).replace("\\", "/").split("/") if part.strip() not in ("", ".", "..")]
    return " ".join("/".join(parts).split())[-200:] or "file"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
