"""Compares a base backup with its manifest, like pg_verifybackup, which does not start in the wheel of version 18."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from svc.errors import StartupError


class _File(
    msgspec.Struct, rename={"path": "Path", "encoded_path": "Encoded-Path", "size": "Size", "sha256": "Checksum"}
):
    size: int
    sha256: str
    path: str | None = None
    encoded_path: str | None = None


class _Manifest(msgspec.Struct, rename={"files": "Files", "sha256": "Manifest-Checksum"}):
    files: list[_File]
    sha256: str


def verify(backup: Path) -> None:
    """Read every file of the backup. The manifest must have been made with SHA-256.

    Raises:
        StartupError: a file is missing, damaged or not in the manifest.
    """
    text = (backup / "backup_manifest").read_bytes()
    manifest = msgspec.json.decode(text, type=_Manifest)
    # The checksum is that of all lines before the last.
    own = hashlib.sha256(text[: text.rindex(b"\n", 0, -2) + 1]).hexdigest()
    if own != manifest.sha256:
        raise StartupError(f"The base backup {backup} is damaged: its manifest was changed")
    listed = set()
    for file in manifest.files:
        path = backup / (file.path or bytes.fromhex(file.encoded_path or "").decode(errors="surrogateescape"))
        listed.add(path)
        if not path.is_file() or path.stat().st_size != file.size or _sha256(path) != file.sha256:
            raise StartupError(f"The base backup {backup} is damaged: {path.relative_to(backup)}")
    # The segments in pg_wal have their own checksums, which the restore verifies.
    unlisted = {path for path in backup.rglob("*") if path.is_file() and path.relative_to(backup).parts[0] != "pg_wal"}
    unlisted -= listed | {backup / "backup_manifest"}
    if unlisted:
        raise StartupError(f"The base backup {backup} contains a file that the server did not send: {unlisted.pop()}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
