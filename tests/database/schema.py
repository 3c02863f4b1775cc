"""The schema as the server reports it, in one file to read and to compare: `schema.sql`.

    python -m tests.database.schema

rewrites it from an embedded server with all migrations and the local embedding model. The dump is normalized, so that
it does not depend on the version of the server.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.server_programs import server_programs
from svc.embedded.server import start_embedded
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings
from tests.sql.checker import ROOT

SCHEMA = ROOT / "schema.sql"
_HEADER = """\
-- The schema that the migrations and sql/ddl/ make, with the local embedding model. For reading and comparing: nothing
-- runs it. `make schema` writes it, and a test compares it with what the migrations make.
"""
# The preamble of a dump; and uuidv7(), which the first migration creates before version 18.
_NOISE = re.compile(r"^(--|\\(un)?restrict |SET |SELECT pg_catalog\.set_config|CREATE SCHEMA|COMMENT ON EXTENSION)")
_UUIDV7 = re.compile(r"CREATE FUNCTION public\.uuidv7\(\).*?\$\$;\n", re.DOTALL)


def dump(url: str, version: str) -> str:
    """The schema of a database."""
    options = ("--schema-only", "--no-owner", "--no-privileges")
    text = subprocess.run(
        [server_programs(version) / "pg_dump", *options, url], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    lines = _UUIDV7.sub("", text).replace("public.uuidv7()", "uuidv7()").splitlines()
    body = "\n".join(line for line in lines if not _NOISE.match(line))
    return _HEADER + "\n" + re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"


async def fresh_dump() -> str:
    """The schema of a new database with all migrations."""
    folder = Path(tempfile.mkdtemp(prefix="cabinet-schema-"))
    folder.chmod(0o755)
    try:
        server = await start_embedded(folder, "18")
        try:
            await apply_migrations(Settings(), server.url)
            return dump(server.url, "18")
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Write the file."""
    Settings.model_config["env_file"] = None
    SCHEMA.write_text(asyncio.run(fresh_dump()), encoding="utf-8")
    print(f"wrote {SCHEMA}")


if __name__ == "__main__":
    main()
