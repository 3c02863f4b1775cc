"""Where the embedded server puts its socket: into its data folder, unless that has a name that would not survive.

The wheel hands the path of the socket to a shell without quotes and writes it into a URL as it is. A space, as in
`~/My Projects`, would end it; so such a server gets its socket in the user's own runtime folder.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from svc.errors import StartupError

_PLAIN = re.compile(r"[\w./~-]+")
# Inside the quotes in which pg_ctl hands the data folder to the shell these still mean something.
_NEVER = re.compile(r'["$`\\\n]')


def check_name(folder: Path) -> None:
    """Refuse what no quoting helps.

    Raises:
        StartupError: the path of the data folder has a character that a shell would act on.
    """
    if found := _NEVER.search(str(folder)):
        raise StartupError(
            f"The data folder {folder} has {found[0]!r} in its path, which PostgreSQL's own tools cannot take. "
            "Choose another CABINET_DATA_DIR."
        )


def keep_sockets_plain(wheel: Any) -> None:
    """Let the wheel's module `postgres_server` choose a plain path for the socket of a data folder that is not."""
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
