"""The record of the files that `cabinet upload` has uploaded from this machine: one file for each service and user."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svc.cli.connection import config_folder


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Uploaded:
    """The files uploaded so far, by the names of their documents. Each change is saved at once."""

    def __init__(self, url: str, user_id: str) -> None:
        name = hashlib.sha256(f"{url} {user_id}".encode()).hexdigest()[:16]
        self._path = config_folder() / "uploaded" / f"{name}.json"
        self._files: dict[str, dict[str, Any]] = json.loads(self._path.read_text()) if self._path.exists() else {}

    def changed_digest(self, name: str, path: Path) -> str | None:
        """The digest of a file that is new or has changed; None if it was already uploaded."""
        known = self._files.get(name)
        state = path.stat()
        if known and known["path"] == str(path.resolve()) and known["state"] == [state.st_size, state.st_mtime_ns]:
            return None
        digest = digest_of(path)
        if known and known["sha256"] == digest:
            self.note(name, path, digest, known["document_id"])
            return None
        return digest

    def note(self, name: str, path: Path, digest: str, document_id: str) -> None:
        """Remember that a file was uploaded."""
        state = path.stat()
        self._files[name] = {
            "path": str(path.resolve()),
            "state": [state.st_size, state.st_mtime_ns],
            "sha256": digest,
            "document_id": document_id,
        }
        self._save()

    def forget(self, name: str) -> None:
        """Forget a file, so that it is uploaded the next time."""
        self._files.pop(name, None)
        self._save()

    def keep_only(self, document_ids: set[str]) -> None:
        """Forget the files whose documents no longer exist."""
        self._files = {name: file for name, file in self._files.items() if file["document_id"] in document_ids}
        self._save()

    def below(self, folders: Sequence[Path]) -> list[str]:
        """The names of the files that were in these folders."""
        return [
            name for name, file in self._files.items() if any(Path(file["path"]).is_relative_to(f) for f in folders)
        ]

    def document_id(self, name: str) -> str:
        """The document of a file."""
        return str(self._files[name]["document_id"])

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self._files))
        new.replace(self._path)
