"""Runs the invariants, `invariants/*.sql`. Each is one statement that returns the violating rows, normally none."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from tests.campaigns.chaos.ledger import Ledger

_FOLDER = Path(__file__).parent / "invariants"
_SHOWN = 3


def invariants() -> dict[str, str]:
    """The statements by name."""
    return {file.stem: file.read_text() for file in sorted(_FOLDER.glob("*.sql"))}


async def broken(connection: asyncpg.Connection, ledger: Ledger) -> list[str]:
    """Compare the database with the ledger; returns lines for violating rows, a few for each invariant.

    The connection must be the only one, and is used up: the ledger becomes temporary tables of its session.
    """
    await ledger.write(connection)
    found = []
    for name, statement in invariants().items():
        rows = await connection.fetch(statement)
        found += [f"{name}: {_shown(row)}" for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            found.append(f"{name}: {len(rows) - _SHOWN} more rows")
    return found


def _shown(row: asyncpg.Record) -> str:
    return " ".join(", ".join(f"{name} {value}" for name, value in row.items()).split())[:400]
