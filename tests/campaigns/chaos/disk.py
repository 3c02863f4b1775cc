"""A small separate disk for PostgreSQL that can be filled up: a tmpfs, if this process may mount one."""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import suppress
from pathlib import Path

_SIZE_MB = 512
_BLOCK = bytes(2**16)
_CLONE_NEWNS = 0x00020000


class Disk:
    """A tmpfs on `folder`, which belongs to this process and its children, and disappears with the last of them."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Fill the disk completely."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(_BLOCK)

    def free(self) -> None:
        """Remove the file that filled it."""
        self._ballast.unlink(missing_ok=True)


def mounted(folder: Path) -> Disk | str:
    """Mount a small disk on `folder`; returns it, or the reason why this is impossible."""
    if os.geteuid() != 0:
        return "only root may mount a small disk"
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m,mode=0755", "tmpfs", str(folder)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"mount failed: {done.stderr.strip()}"
    return Disk(folder)
