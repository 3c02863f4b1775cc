"""Chroma's own server, `chroma run`, with its data on disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import chromadb

from bench.stores import CHUNKS_A_DOCUMENT, LIMIT, Advance, Query, Store, Tenant, folder_bytes, text_of
from bench.stores.http_client import HttpClient

DEFAULT_EF = 100
"""Chroma's own `ef_search`."""
HIGHER_EF = 400
OWN_CLIENT = f"ef_search {DEFAULT_EF}, its Python client"
_PATH = "/api/v2/tenants/default_tenant/databases/default_database/collections/{}/query"
_START_S = 60.0
_BATCH = 2000


class ChromaStore(Store):
    """One strategy for tenants: a collection for each, or one collection for all with the tenant as metadata.

    A setting is an `ef_search`, each with its own server on a copy of the same data, since Chroma reads the number
    only when it loads an index.
    """

    def __init__(self, *, collection_a_tenant: bool, folder: Path) -> None:
        self._collection_a_tenant = collection_a_tenant
        self.name = "Chroma, a collection a tenant" if collection_a_tenant else "Chroma, where"
        self.folder = folder
        self.settings: list[str] = []
        self._collections: dict[str, Any] = {}
        self._paths: dict[str, str] = {}
        self._http: dict[str, HttpClient] = {}
        self._own: dict[str, Any] = {}
        self._loader: Any = None

    def connect(self, url: str) -> None:
        """Use the server that the rows are loaded into."""
        self._loader = _client(url)

    async def load(self, tenant: Tenant) -> None:
        """Add the rows in batches, with their vectors, so that Chroma does not embed the texts."""
        await asyncio.to_thread(self._add, tenant)

    async def build_indexes(self) -> bool:
        """Nothing to do: rows are indexed when they are added."""
        return False

    async def disk_bytes(self) -> int:
        """Bytes of the folder that the rows were loaded into."""
        return folder_bytes(self.folder)

    async def search(self, setting: str, tenant: Tenant, query: Query) -> Sequence[int]:
        """Search over HTTP, with the same client as Cabinet, or with Chroma's own client."""
        if setting == OWN_CLIENT:
            return await self._search_by_own_client(tenant, query)
        body: dict[str, Any] = {
            "query_embeddings": [query.numbers], "n_results": LIMIT, "include": ["documents", "metadatas", "distances"],
        }  # fmt: skip
        if not self._collection_a_tenant:
            body["where"] = {"tenant": tenant.name}
        answer = await self._http[setting].post(self._paths[self._collection_name(tenant)], body)
        return [int(number) for number in answer["ids"][0]]

    async def _search_by_own_client(self, tenant: Tenant, query: Query) -> Sequence[int]:
        where = None if self._collection_a_tenant else {"tenant": tenant.name}
        answer = await self._own[self._collection_name(tenant)].query(
            query_embeddings=[query.vector], n_results=LIMIT, where=where
        )
        return [int(number) for number in answer["ids"][0]]

    async def serve_own_client(self, url: str) -> None:
        """Search this server also through Chroma's own client."""
        client = await chromadb.AsyncHttpClient(**_address(url))
        for name in self._collections:
            self._own[name] = await client.get_collection(name, embedding_function=None)
        self.settings.append(OWN_CLIENT)

    def serve(self, ef_search: int, url: str) -> None:
        """Search this server with this `ef_search`, which is set before the first search."""
        client = _client(url)
        for name, collection in self._collections.items():
            if ef_search != DEFAULT_EF:
                client.get_collection(name, embedding_function=None).modify(
                    configuration={"hnsw": {"ef_search": ef_search}}
                )
            self._paths[name] = _PATH.format(collection.id)
        setting = f"ef_search {ef_search}"
        self.settings.append(setting)
        self._http[setting] = HttpClient(url)

    def close(self) -> None:
        """Close the connections."""
        for client in self._http.values():
            client.close()

    def _collection_name(self, tenant: Tenant) -> str:
        return tenant.name if self._collection_a_tenant else "all-tenants"

    def _add(self, tenant: Tenant) -> None:
        name = self._collection_name(tenant)
        if name not in self._collections:
            self._collections[name] = self._loader.create_collection(
                name, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
            )
        for start in range(0, len(tenant.vectors), _BATCH):
            vectors = tenant.vectors[start : start + _BATCH]
            numbers = tenant.numbers[start : start + _BATCH]
            self._collections[name].add(
                ids=[str(number) for number in numbers],
                embeddings=vectors,
                documents=[text_of(number) for number in numbers],
                metadatas=[
                    {"tenant": tenant.name, "document": number // CHUNKS_A_DOCUMENT} for number in numbers
                ],
            )  # fmt: skip


@asynccontextmanager
async def chroma_store(
    folder: Path, *, collection_a_tenant: bool, tenants: Sequence[Tenant], advance: Advance
) -> AsyncIterator[ChromaStore]:
    """Chroma with all tenants, and a server for each setting."""
    copy = folder.with_name(f"{folder.name}-copy")
    store = ChromaStore(collection_a_tenant=collection_a_tenant, folder=folder)
    async with _chroma_server(folder) as url:
        store.connect(url)
        await store.fill(tenants, advance)
    await asyncio.to_thread(shutil.copytree, folder, copy)
    async with AsyncExitStack() as stack:
        for ef_search, data in ((DEFAULT_EF, folder), (HIGHER_EF, copy)):
            url = await stack.enter_async_context(_chroma_server(data))
            store.serve(ef_search, url)
            if collection_a_tenant and ef_search == DEFAULT_EF:
                await store.serve_own_client(url)
        try:
            yield store
        finally:
            store.close()


@asynccontextmanager
async def _chroma_server(folder: Path) -> AsyncIterator[str]:
    """The URL of a server on a folder, for the duration of the block.

    It logs each request, to a file: it would block when the buffer of a pipe without a reader is full.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("chroma")), "run",
        "--path", str(folder), "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
    )
    try:
        await _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        await _stop(process)


async def _wait_for(port: int, process: asyncio.subprocess.Process) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError(f"Chroma's server did not start (exit code {process.returncode})")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()


def _client(url: str) -> Any:
    return chromadb.HttpClient(**_address(url))


def _address(url: str) -> dict[str, Any]:
    host, port = url.removeprefix("http://").split(":")
    return {"host": host, "port": int(port), "settings": chromadb.Settings(anonymized_telemetry=False)}
