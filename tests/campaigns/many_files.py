"""Puts 10,000 files into one collection, and measures lists, counts, searches, adding and removing beside 100 files.

    python -m tests.campaigns.many_files [--files 10000] [--beside 100] [--rounds 100]

Two users have a collection each, with these numbers of files of one chunk. Each round sends every request to both
collections, in alternating order, from one client, so that a busy machine slows down both.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np

from svc.database.queries import open_database
from svc.embedded.server import start_embedded
from svc.settings import Settings
from tests.server_process import ServerProcess
from tests.tenants.made_up import id_of, make_large_user

_BATCH = 1_000
_WARM_ROUNDS = 5
_QUESTION = "how long does the dome take to open"


@dataclass
class Store:
    """A collection, the client of its owner, and the seconds that each request took."""

    client: httpx.Client
    collection: str
    ids: list[str]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def store_id(self) -> str:
        """Its id in the OpenAI dialect."""
        return "vs_" + UUID(self.collection).hex

    def requests(self, number: int) -> dict[str, Callable[[], Any]]:
        """The requests of a round, by measurement."""
        place = self.ids[number * 37 % len(self.ids)]
        file = "file-" + UUID(place).hex
        files, store = f"/collections/{self.collection}/files", f"/v1/vector_stores/{self.store_id}"
        newer = {"type": "gte", "key": "number", "value": len(self.ids) // 2}
        return {
            "list 100": lambda: self.get(files, limit=100),
            "list 100 after one in the middle": lambda: self.get(files, limit=100, after=self.middle),
            "list 100, /v1": lambda: self.get(f"{store}/files", limit=100),
            "list 100 after one in the middle, /v1": lambda: self.get(f"{store}/files", limit=100, after=file),
            "list 100 that are completed, /v1": lambda: self.get(f"{store}/files", limit=100, filter="completed"),
            "counts": lambda: self.get(f"/collections/{self.collection}"),
            "counts, /v1": lambda: self.get(store),
            "get one": lambda: self.get(f"{files}/{place}"),
            "documents of it, counted": lambda: self.get("/documents", collection_ids=self.collection, count="true"),
            "search": lambda: self.post("/search", query=_QUESTION, collection_ids=[self.collection]),
            "search by an attribute": lambda: self.post(
                "/search", query=_QUESTION, collection_ids=[self.collection], attribute_filter=newer
            ),
            "search, /v1": lambda: self.post(f"{store}/search", query=_QUESTION),
            "remove one": lambda: self.client.delete(f"{files}/{place}"),
            "add one": lambda: self.post(files, document_id=place, attributes={"number": number}),
            "remove one, /v1": lambda: self.client.delete(f"{store}/files/{file}"),
            "add one, /v1": lambda: self.post(f"{store}/files", file_id=file, attributes={"number": number}),
        }

    @property
    def middle(self) -> str:
        """The cursor in the middle of the list, that of a document."""
        return self.ids[len(self.ids) // 2]

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        """Send a GET request."""
        return self.client.get(path, params=parameters)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Send a POST request."""
        return self.client.post(path, json=body)

    def measure(self, number: int, *, is_warm: bool) -> None:
        """Send the requests of a round."""
        for name, send in self.requests(number).items():
            started = time.perf_counter()
            answer = send()
            seconds = time.perf_counter() - started
            assert answer.is_success, f"{name}: {answer.status_code}: {answer.text}"
            if is_warm:
                self.seconds.setdefault(name, []).append(seconds)


def main() -> int:
    """Run the campaign and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--beside", type=int, default=100, help="files of the other collection")
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with ServerProcess({"CABINET_WORKER_CONCURRENCY": "0"}) as server:
        started = time.perf_counter()
        counts = [options.files, options.beside]
        users = asyncio.run(_made(server.folder / "data", counts))
        print(f"{sum(counts):,} files made in {time.perf_counter() - started:.0f} s")
        with server.client(server.admin_key) as admin:
            stores = [_store(server, admin, user, count) for user, count in zip(users, counts, strict=True)]
        for number in range(_WARM_ROUNDS + options.rounds):
            for store in stores if number % 2 else reversed(stores):
                store.measure(number, is_warm=number >= _WARM_ROUNDS)
    print(_table(stores))
    return 0


async def _made(data_dir: Path, counts: Sequence[int]) -> list[UUID]:
    """Store a user for each count, with this number of files of one chunk."""
    embedded = await start_embedded(data_dir, "18")
    try:
        database = await open_database(Settings(), embedded.url)
        try:
            return [
                await make_large_user(
                    database, documents=count, chunks_each=1, conversations=0, messages_each=0, seed=seed
                )
                for seed, count in enumerate(counts)
            ]
        finally:
            await database.close()
    finally:
        embedded.stop()


def _store(server: ServerProcess, admin: httpx.Client, user: UUID, count: int) -> Store:
    """Put the user's files into a new collection, in batches."""
    answer = admin.post("/keys", json={"name": "many files"}, headers={"Cabinet-User": str(user)})
    client = server.client(answer.raise_for_status().json()["api_key"])
    collection = client.post("/collections", json={"name": "many"}).raise_for_status().json()["id"]
    ids = [str(id_of(1, number)) for number in range(count)]
    started = time.perf_counter()
    for first in range(0, count, _BATCH):
        files = [
            {"document_id": id_, "attributes": {"number": number}}
            for number, id_ in enumerate(ids[first : first + _BATCH], start=first)
        ]
        client.post(f"/collections/{collection}/batches", json={"files": files}).raise_for_status()
    print(f"{count:,} files added in batches of {_BATCH:,} in {time.perf_counter() - started:.1f} s")
    counted = client.get(f"/collections/{collection}").json()["file_counts"]
    assert counted["total"] == count, counted
    return Store(client, collection, ids)


def _table(stores: Sequence[Store]) -> str:
    """The milliseconds of each request, and the ratio of the medians."""
    many, few = stores
    lines = [f"{'ms, p50 / p95':38} {len(many.ids):>16,} files {len(few.ids):>16,} files   ratio"]
    for name, seconds in many.seconds.items():
        p50, p95 = np.percentile(seconds, [50, 95]) * 1000
        other_p50, other_p95 = np.percentile(few.seconds[name], [50, 95]) * 1000
        lines.append(f"{name:38} {p50:10.1f} / {p95:9.1f} {other_p50:12.1f} / {other_p95:7.1f} {p50 / other_p50:9.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
