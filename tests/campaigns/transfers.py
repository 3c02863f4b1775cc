"""Transfers documents back and forth between two users, while both search and one uploads.

    python -m tests.campaigns.transfers [--transfers 200] [--version 18]

One reader looks at the tables, each time in a single snapshot: every chunk is there once, with its vector, for one of
the two, and what is counted of each is what they have. Others search over HTTP: a document is found whole or not at
all, and if there was no transfer meanwhile, each chunk is found by exactly one of them. Some documents are
given while they are being ingested. At the end all are ready, and every row is where it belongs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from svc.embedded.server import start_embedded
from svc.migrations.migrate import apply_migrations
from tests.conftest import ADMIN_KEY, Service, running_service, test_settings

# Few enough that one search finds all of them.
_DOCUMENTS = 8
_MOST_RESULTS = 100
_MOST_GIVEN = 4

# Every chunk once, with its vector, whatever its owner.
_MISPLACED = """
    select k.id, count(c.id) as chunks, count(v.chunk_id) as vectors
    from unnest($1::uuid[]) as k (id)
    left join chunks as c on c.id = k.id
    left join chunk_vectors as v on v.user_id = c.user_id and v.chunk_id = c.id
    group by k.id
    having count(c.id) <> 1 or count(v.chunk_id) <> 1"""
# The stored counts of each user, and the actual ones.
_MISCOUNTED = """
    select v.user_id, v.chunk_count, v.document_count, v.byte_count, d.chunks, d.documents, d.bytes, r.vectors
    from tenant_totals as v
    cross join lateral (
        select coalesce(sum(chunk_count), 0) as chunks, count(*) as documents, coalesce(sum(file_size), 0) as bytes
        from documents where user_id = v.user_id
    ) as d
    cross join lateral (select count(*) as vectors from chunk_vectors where user_id = v.user_id) as r
    where
        (v.chunk_count, v.document_count, v.byte_count) is distinct from (d.chunks, d.documents, d.bytes)
        or r.vectors <> v.chunk_count"""
_LEFT = """
    select
        (select count(*) from ingestion_jobs) as jobs,
        (select count(*) from documents where status <> 'ready') as unready,
        (select count(*) from documents) as documents,
        (select count(*) from document_contents) as contents,
        (select sum(chunk_count) from documents) as chunk_count,
        (select count(*) from chunks) as chunks,
        (select count(*) from chunk_vectors) as vectors"""


@dataclass
class Tally:
    """The operations and checks that were done."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def expect(self, holds: bool, fault: str) -> None:
        """Record a violation."""
        if not holds:
            self.faults.append(fault)


@dataclass
class Scene:
    """Two users by their keys, who has which document, and the chunks that were there from the beginning.

    `epoch` rises before and after each transfer: it is even and constant while there is none.
    """

    service: Service
    users: dict[str, str]
    owners: dict[str, str] = field(default_factory=dict)
    chunks: dict[str, set[str]] = field(default_factory=dict)
    epoch: int = 0
    is_over: bool = False
    tally: Tally = field(default_factory=Tally)

    async def upload(self, user: str, number: int) -> str:
        """Upload a text of some chunks; its id."""
        text = " ".join(f"Text {number} says in sentence {part} what nobody else says." for part in range(12))
        answer = await self.service.call(
            "POST", "/documents", self.users[user], json={"filename": f"{number}.txt", "content": text}
        )
        assert answer.status_code == 202, answer.text
        self.tally.counts["uploads"] += 1
        return str(answer.json()["id"])

    async def search(self, user: str) -> dict[str, set[str]]:
        """The chunks that a user finds, by document."""
        body = {"query": "what nobody else says", "limit": _MOST_RESULTS, "document_ids": list(self.chunks)}
        answer = await self.service.call("POST", "/search", self.users[user], json=body)
        assert answer.status_code == 200, answer.text
        self.tally.counts["searches"] += 1
        found: dict[str, set[str]] = {}
        for result in answer.json()["results"]:
            found.setdefault(result["document_id"], set()).add(result["chunk_id"])
        return found


async def fire(service: Service, transfers: int, seed: int = 1) -> Tally:
    """Transfer documents back and forth that many times while watching; returns the observations."""
    users = dict([await service.user(f"{name}-{seed}@example.org") for name in ("one", "two")])
    scene = Scene(service, users)
    first = next(iter(users))
    for number in range(_DOCUMENTS):
        document_id = await scene.upload(first, number)
        await service.ended(users[first], document_id)
        chunks = await service.call("GET", f"/documents/{document_id}/chunks?limit=100", users[first])
        scene.owners[document_id] = first
        scene.chunks[document_id] = {chunk["id"] for chunk in chunks.json()["data"]}
    assert sum(map(len, scene.chunks.values())) <= _MOST_RESULTS
    async with asyncio.TaskGroup() as group:
        for looking in (_look(scene), _search_both(scene), _search_one(scene, 0), _search_one(scene, 1)):
            group.create_task(looking)
        group.create_task(_upload(scene))
        await _give(scene, transfers, random.Random(seed))
        scene.is_over = True
    await _check_end(scene)
    return scene.tally


async def _give(scene: Scene, transfers: int, chance: random.Random) -> None:
    users = list(scene.users)
    for _ in range(transfers):
        giver = chance.choice([user for user in users if user in scene.owners.values()])
        receiver = users[1 - users.index(giver)]
        own = [document_id for document_id, owner in scene.owners.items() if owner == giver]
        chosen = chance.sample(own, min(len(own), chance.randint(1, _MOST_GIVEN)))
        # The newest is likely to be in the queue still, or in the hands of a worker.
        chosen = list({*chosen, own[-1]})
        scene.epoch += 1
        answer = await scene.service.call(
            "POST",
            "/documents/transfer",
            ADMIN_KEY,
            json={"document_ids": chosen, "to_user": receiver},
            headers={"Cabinet-User": giver},
        )
        scene.owners.update(dict.fromkeys(chosen, receiver))
        scene.epoch += 1
        scene.tally.expect(answer.status_code == 200, f"a transfer was refused: {answer.text}")
        scene.tally.counts["transfers"] += 1
        scene.tally.counts["documents given"] += len(chosen)
        newest = await scene.service.call("GET", f"/documents/{own[-1]}", scene.users[receiver])
        scene.tally.counts["of them while being ingested"] += newest.json().get("status") == "processing"
        await asyncio.sleep(chance.choice([0, 0, 0.02]))


async def _upload(scene: Scene) -> None:
    first = next(iter(scene.users))
    number = _DOCUMENTS
    while not scene.is_over:
        scene.owners[await scene.upload(first, number)] = first
        number += 1
        await asyncio.sleep(0.05)


async def _look(scene: Scene) -> None:
    chunk_ids = [UUID(chunk_id) for chunks in scene.chunks.values() for chunk_id in chunks]
    connection = await asyncpg.connect(scene.service.url)
    try:
        while not scene.is_over:
            for name, query, arguments in (("chunks", _MISPLACED, [chunk_ids]), ("counts", _MISCOUNTED, [])):
                wrong = await connection.fetch(query, *arguments)
                scene.tally.expect(not wrong, f"wrong {name} in one snapshot: {[dict(row) for row in wrong]}")
            scene.tally.counts["snapshots"] += 1
            await asyncio.sleep(0.002)
    finally:
        await connection.close()


async def _search_one(scene: Scene, number: int) -> None:
    user = list(scene.users)[number]
    while not scene.is_over:
        _check_whole(scene, await scene.search(user))
        await asyncio.sleep(0)


async def _search_both(scene: Scene) -> None:
    while not scene.is_over:
        epoch = scene.epoch
        one, two = await asyncio.gather(*(scene.search(user) for user in scene.users))
        for found in (one, two):
            _check_whole(scene, found)
        if epoch == scene.epoch and epoch % 2 == 0:
            scene.tally.counts["pairs of searches with no transfer meanwhile"] += 1
            scene.tally.expect(not one.keys() & two.keys(), f"found by both: {one.keys() & two.keys()}")
            missing = scene.chunks.keys() - one.keys() - two.keys()
            scene.tally.expect(not missing, f"found by neither: {missing}")
        await asyncio.sleep(0)


def _check_whole(scene: Scene, found: dict[str, set[str]]) -> None:
    for document_id, chunks in found.items():
        scene.tally.expect(chunks == scene.chunks[document_id], f"a part of {document_id} was found")


async def _check_end(scene: Scene) -> None:
    for document_id, owner in scene.owners.items():
        document = await scene.service.ended(scene.users[owner], document_id)
        scene.tally.expect(document["status"] == "ready", f"{document}")
    connection = await asyncpg.connect(scene.service.url)
    try:
        left: dict[str, Any] = dict(await connection.fetchrow(_LEFT))
        wrong = await connection.fetch(_MISCOUNTED)
    finally:
        await connection.close()
    scene.tally.expect(not wrong, f"wrong counts at the end: {[dict(row) for row in wrong]}")
    scene.tally.expect(left["jobs"] == left["unready"] == 0, f"not done: {left}")
    scene.tally.expect(left["documents"] == left["contents"] == len(scene.owners), f"documents: {left}")
    scene.tally.expect(left["chunk_count"] == left["chunks"] == left["vectors"], f"chunks: {left}")
    scene.tally.counts["chunks at the end"] = left["chunks"]


def main() -> int:
    """Run the campaign and print its table; returns 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transfers", type=int, default=200)
    parser.add_argument("--version", choices=["16", "18"], default="18", help="of the server")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cabinet-transfers-"))
    folder.chmod(0o755)
    started = time.monotonic()
    try:
        tally = asyncio.run(_run(folder, options.version, options.transfers))
    finally:
        shutil.rmtree(folder)
    table = Table("what", "how many")
    for what, count in tally.counts.items():
        table.add_row(what, f"{count:,}")
    table.add_row("seconds", f"{time.monotonic() - started:.0f}")
    table.add_row("faults", f"{len(tally.faults):,}")
    console = Console()
    console.print(table)
    for fault in tally.faults[:20]:
        console.print(fault)
    return int(bool(tally.faults))


async def _run(folder: Path, version: Any, transfers: int) -> Tally:
    server = await start_embedded(folder, version)
    try:
        await apply_migrations(test_settings(), server.url)
        async with running_service(test_settings(), server.url) as service:
            return await fire(service, transfers)
    finally:
        server.stop()


if __name__ == "__main__":
    raise SystemExit(main())
