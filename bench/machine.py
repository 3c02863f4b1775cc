"""Describes the machine on which a figure was measured, without which the figure has no meaning."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil


async def describe_machine(connection: Any) -> str:
    """Processor, cores, memory, and the versions and settings of the server behind an asyncpg connection."""
    server = await connection.fetchrow((Path(__file__).parent / "sql" / "machine.sql").read_text())
    memory_gb = psutil.virtual_memory().total / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory_gb:.0f} GB; PostgreSQL {server['version']}, "
        f"pgvector {server['pgvector']}, shared_buffers {server['shared_buffers']}, "
        f"huge pages {server['huge_pages']}; Python {platform.python_version()}, "
        f"asyncpg {version('asyncpg')}"
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
