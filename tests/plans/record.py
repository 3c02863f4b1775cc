"""`make baseline`: records the plans of statements on new databases, on PostgreSQL 18 and then 16."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.server_process import clean_environment


def main() -> None:
    """Record the statements named on the command line, or all."""
    cabinet = str(Path(sys.executable).parent / "cabinet")
    for version in ("18", "16"):
        with tempfile.TemporaryDirectory(prefix="cabinet-plans-") as name:
            # Root's server runs as another user.
            Path(name).chmod(0o755)
            place = ["--data-dir", name, "--postgres-version", version]
            subprocess.run([sys.executable, "-m", "tests.plans.database", *place], check=True)
            print(f"PostgreSQL {version}:", flush=True)
            environment = clean_environment(CABINET_LOG_LEVEL="warning")
            subprocess.run([cabinet, "sql", "baseline", *sys.argv[1:], *place], check=True, env=environment)


if __name__ == "__main__":
    main()
