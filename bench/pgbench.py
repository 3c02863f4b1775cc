"""PostgreSQL's own load generator as the limit: the same statements, without a service in between."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from svc.database.statements import Statement

_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


def pgbench_script(statement: Statement) -> str:
    """The statement with pgbench's variables in place of `$1, $2, …`, each with the name of the parameter."""
    names = [parameter.name for parameter in statement.parameters]
    return re.sub(r"\$(\d+)", lambda match: f":{names[int(match[1]) - 1]}", statement.body) + "\n"


def text_value(value: Any) -> str:
    """A parameter as text, as the server reads it."""
    if isinstance(value, bytes):
        return "".join(f"{byte:08b}" for byte in value)
    return str(value.tolist() if isinstance(value, np.ndarray) else value)


async def run_pgbench(
    program: Path,
    url: str,
    statement: Statement,
    arguments: Mapping[str, Any],
    clients: int,
    seconds: float,
    session: Mapping[str, str],
) -> float:
    """Statements per second, prepared once for each connection, always with the same values.

    `session` are the settings of its sessions. Values are sent as text. A value of None is omitted, which pgbench sends
    as null. pgbench runs for whole seconds, at least one.

    Raises:
        RuntimeError: pgbench failed; the message contains its output.
    """
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0]
    given = [f"--define={name}={text_value(value)}" for name, value in arguments.items() if value is not None]
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(pgbench_script(statement))
        script.flush()
        process = await asyncio.create_subprocess_exec(
            program, "--no-vacuum", "--protocol=prepared", f"--file={script.name}", f"--client={clients}",
            f"--jobs={min(clients, 2)}", f"--time={max(1, round(seconds))}", f"--host={host}",
            f"--username={unquote(parts.username or 'postgres')}", *given, parts.path.lstrip("/"),
            env={**os.environ, "PGOPTIONS": options}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    rate = _TPS.search(output.decode())
    if process.returncode or rate is None:
        raise RuntimeError(f"pgbench failed:\n{errors.decode()[-2000:]}")
    return float(rate[1])
