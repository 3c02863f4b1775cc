"""Chooses the folder of the embedded server's socket: the data folder, unless its path has special characters.

The wheel passes the path of the socket to a shell without quotes, and writes it into a URL without escapes. A space, as
in `~/My Projects`, would break both. In that case the socket is in the user's runtime folder.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from svc.errors import StartupError

_PLAIN = re.compile(r"[\w./~-]+")
# Characters that the shell interprets even inside the quotes that pg_ctl puts around the data folder.
_NEVER = re.compile(r'["$`\\\n]')


def check_name(folder: Path) -> None:
    """Check that the path can be quoted.

    Raises:
        StartupError: the path of the data folder has a character that a shell interprets even inside quotes.
    """
    if found := _NEVER.search(str(folder)):
        raise StartupError(
            f"The data folder {folder} has {found[0]!r} in its path, which PostgreSQL's tools do not support. "
            "Choose another CABINET_DATA_DIR."
        )


def keep_sockets_plain(wheel: Any) -> None:
    """Make the wheel's module `postgres_server` choose a plain path if that of the data folder is not plain."""
    choose = wheel.find_suitable_socket_dir
    if choose.__module__ == __name__:
        return

    def choose_plainly(data: Path, runtime: Path) -> Path:
        if _PLAIN.fullmatch(str(data)):
            return Path(choose(data, runtime))
        folder = runtime / hashlib.sha256(str(data).encode()).hexdigest()[:10]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    wheel.find_suitable_socket_dir = choose_plainly
