"""Measures the additional time of a chat turn beyond its search: `POST …/turn` and `POST /search` alternate.

    python -m bench.turns
    python -m bench.turns --limit 20 --rounds 500

The documents are those of this project, the messages those of a dialogue of `bench/dialogues`, and each round sends the
same query to both routes, with the same limit, in alternating order. There is one client.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import click
import httpx
import numpy as np

from bench.dialogues import Dialogue, read_dialogue
from bench.machine import describe_machine
from bench.report import DEFAULT_FOLDER, Report
from bench.servers import benchmark_server
from bench.service import ADMIN_KEY, running_service
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings

_ROOT = Path(__file__).resolve().parent.parent
_WARM_ROUNDS = 20
_READY_WITHIN_S = 120


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0])
@click.option("--limit", default=5, show_default=True, help="Results of the search.")
@click.option("--rounds", default=300, show_default=True)
@click.option("--folder", default=DEFAULT_FOLDER, type=click.Path(path_type=Path), show_default=True)
def main(*, limit: int, rounds: int, folder: Path) -> None:
    """Read the flags and run."""
    asyncio.run(_run(limit, rounds, folder))


async def _run(limit: int, rounds: int, folder: Path) -> None:
    dialogue = read_dialogue(min((_ROOT / "bench" / "dialogues").glob("*.txt")))
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(benchmark_server(memory_mb=128))
        await apply_migrations(Settings(_env_file=None), url)
        connection = await asyncpg.connect(url)
        machine = await describe_machine(connection)
        await connection.close()
        variables = {"DATABASE_URL": url, "CABINET_PORT": "0", "CABINET_ADMIN_KEY": ADMIN_KEY}
        cabinet = [str(Path(sys.executable).with_name("cabinet")), "serve"]
        service = await stack.enter_async_context(
            running_service(cabinet, variables, r"Cabinet serves on (http://\S+)")
        )
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=service.url, timeout=60))
        place, chunks = await _store(client, dialogue)
        times = await _measure(client, place, [asked.text for asked in dialogue.asked], limit, rounds)
    search, turn = times[:, 0], times[:, 1]
    report = Report("turns", folder, ["request", "p50 ms", "p95 ms"], machine)
    for name, column in (("search", search), ("turn", turn), ("turn - search, of each round", turn - search)):
        report.add(name, *(round(float(value), 2) for value in np.percentile(column, [50, 95])))
    report.write(f"limit {limit}, {rounds} rounds, {chunks} chunks, {len(dialogue.messages)} messages")


async def _store(client: httpx.AsyncClient, dialogue: Dialogue) -> tuple[str, int]:
    """Store the documents and the messages of a user; returns the conversation's path and the number of chunks."""
    client.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
    # Without a limit of requests, which a fast machine would reach.
    account = {"email": "turns@example.com", "plan": "enterprise"}
    user = (await client.post("/users", json=account)).raise_for_status().json()
    client.headers["Authorization"] = f"Bearer {user['api_key']}"
    for path in sorted((_ROOT / "docs").rglob("*.md")):
        body = {"filename": path.name, "content": path.read_text()}
        (await client.post("/documents", json=body)).raise_for_status()
    for _ in range(_READY_WITHIN_S):
        if not (await client.get("/documents?status=processing&limit=1")).raise_for_status().json()["data"]:
            break
        await asyncio.sleep(1)
    conversation = (await client.post("/conversations", json={})).raise_for_status().json()
    place = f"/conversations/{conversation['id']}"
    (await client.post(f"{place}/messages", json=dialogue.messages)).raise_for_status()
    # The worker embeds the messages, and counts the terms in its next turn.
    await asyncio.sleep(10)
    documents = (await client.get("/documents?limit=100")).raise_for_status().json()["data"]
    return place, sum(document["chunk_count"] for document in documents)


async def _measure(
    client: httpx.AsyncClient, place: str, queries: list[str], limit: int, rounds: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The milliseconds of each round: those of the search, and those of the turn."""
    times = np.empty((rounds, 2))
    for number in range(-_WARM_ROUNDS, rounds):
        query = queries[number % len(queries)]
        requests = [
            (0, "/search", {"query": query, "limit": limit}),
            (1, f"{place}/turn", {"query": query, "search": {"limit": limit}}),
        ]
        for column, path, body in requests if number % 2 else reversed(requests):
            started = time.perf_counter()
            (await client.post(path, json=body)).raise_for_status()
            if number >= 0:
                times[number, column] = (time.perf_counter() - started) * 1000
    return times


if __name__ == "__main__":
    main()
