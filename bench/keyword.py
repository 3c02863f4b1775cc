"""Measures keyword and hybrid searches of real text, for several sizes of a tenant.

    apt-get download linux-doc-6.1 python3.11-doc; for each package: dpkg-deb -x PACKAGE /tmp/texts
    find /tmp/texts -type d -name translations -prune -exec rm -r {} +
    python -m bench.keyword /tmp/texts
    python -m bench.keyword /tmp/texts --own-indexes

The texts of the folder (txt, rst, md, html, also compressed with gzip) are cut into passages of 150 words. Queries are
a few words of passages that are not stored. Each tenant is searched by keywords (the hundred best), by hybrid searches
(the ten best), and by PostgreSQL's own `ts_rank` over a GIN index (the hundred best); times are from the call to the
rows, and those of `server` are processor times of the database. `overlap` is the share of the ten best by exact BM25,
with the true number of texts of every term, that the search by keywords finds. Exact BM25 takes all texts for English,
so the translations are removed.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import click
import numpy as np

from bench.backend import Backend, open_backend
from bench.load import encode_request, run_load
from bench.machine import describe_machine
from bench.report import DEFAULT_FOLDER, Report
from bench.servers import benchmark_server
from bench.service import running_service
from svc.access.keys import generate_key
from svc.background import Background
from svc.database.queries import Database, open_database
from svc.embedding.local import LocalProvider
from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Queue
from svc.migrations.migrate import apply_migrations
from svc.search.filters import DocumentFilters, Filters
from svc.search.hybrid import HybridSearch, KeywordSearch, postings_budget, run_hybrid, run_keyword
from svc.search.index_plan import planned_steps
from svc.search.lanes import Found, Search, TenantSize
from svc.search.operators import ReadQuery
from svc.search.own_indexes import IndexBuilder
from svc.search.query_terms import QueryTermsReader
from svc.settings import Settings
from svc.terms.samples import renew_sample
from svc.terms.weights import added_for_length, inverse_frequency
from svc.terms.words import Words

PASSAGE_WORDS = 150
CHUNKS_A_DOCUMENT = 500
QUERIES = 100
SIZES = (1_000, 10_000, 50_000)
SHORT = (500,)
_HTTP_WARM_S = 1.0
_HTTP_S = 5.0
_SQL = Path(__file__).parent / "sql" / "keyword"
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0])
@click.argument("texts", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--size", "sizes", multiple=True, type=int, default=SIZES, show_default=True, help="Chunks of a tenant.")
@click.option("--short", is_flag=True, help="One small tenant.")
@click.option("--own-indexes", is_flag=True, help="Build the indexes that `cabinet index apply` builds.")
@click.option("--folder", default=DEFAULT_FOLDER, type=click.Path(path_type=Path), show_default=True)
def main(*, texts: Path, sizes: tuple[int, ...], short: bool, own_indexes: bool, folder: Path) -> None:
    """Read the flags and run."""
    asyncio.run(_run(texts, sorted(SHORT if short else sizes), folder, own_indexes=own_indexes))


@dataclass(frozen=True)
class Tenant:
    """A tenant with the stored chunks, and the seconds for storing them."""

    user_id: UUID
    key: str
    passages: Sequence[str]
    seconds: float


async def _run(texts: Path, sizes: Sequence[int], folder: Path, *, own_indexes: bool) -> None:
    asked, passages = _queries_and_passages(texts, sizes[-1])
    sizes = [size for size in sizes if size <= len(passages)] or [len(passages)]
    settings = Settings(_env_file=None)
    async with benchmark_server(memory_mb=1024) as url:
        await apply_migrations(settings, url)
        database, plain = await open_database(settings, url), await asyncpg.connect(url)
        provider = LocalProvider(settings)
        try:
            await plain.execute((_SQL / "create_plain.sql").read_text())
            tenants = [await _store(database, provider, passages[:size], number) for number, size in enumerate(sizes)]
            for name in ("fill_plain", "index_plain"):
                await plain.execute((_SQL / f"{name}.sql").read_text())
            indexed = await _build_indexes(database, settings, url) if own_indexes else set()
            await plain.execute((_SQL.parent / "vacuum.sql").read_text())
            columns = ["chunks", "stored a second", *_percentiles()]
            report = Report("keyword", folder, [*columns, "overlap", "HTTP p50", "p95"], await describe_machine(plain))
            for tenant in tenants:
                size = TenantSize(len(tenant.passages), tenant.user_id in indexed)
                async with open_backend(database, settings, url) as backend:
                    figures = await _measure(
                        backend, database, plain, provider, tenant, asked, size, settings.exact_rows
                    )
                report.add(*figures, *await _measure_http(url, tenant, asked))
            size = await plain.fetchrow((_SQL / "sizes.sql").read_text())
            text_mb, factor = size["text_bytes"] / 1e6, size["term_bytes"] / size["text_bytes"]
            report.write(f"{text_mb:,.0f} MB of text; terms with their indexes take {factor:.2f} times as much")
        finally:
            await provider.close()
            await plain.close()
            await database.close()


def _percentiles() -> list[str]:
    """The columns for the milliseconds of each kind of search."""
    kinds = ("keyword", "keyword server", "hybrid", "hybrid server", "ts_rank")
    return [column for kind in kinds for column in (f"{kind} p50", "p95")]


def _queries_and_passages(folder: Path, most: int) -> tuple[list[str], list[str]]:
    """A few words of passages that are not stored, and passages to store, in a fixed random order."""
    unique = list(dict.fromkeys(_passages(folder)))
    chance = np.random.default_rng(3)
    shuffled = [unique[place] for place in chance.permutation(len(unique))]
    asked = []
    for passage in shuffled[: min(QUERIES, len(shuffled) // 10 + 1)]:
        words = passage.split()
        first = int(chance.integers(0, max(1, len(words) - 8)))
        asked.append(" ".join(words[first : first + int(chance.integers(2, 8))]))
    return [query.replace('"', " ") for query in asked], shuffled[len(asked) : len(asked) + most]


def _passages(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.name.removesuffix(".gz")
        if not path.is_file() or path.is_symlink() or not name.endswith((".txt", ".rst", ".md", ".html")):
            continue
        content = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
        text = content.decode(errors="replace").replace("\0", " ")
        words = (_TAGS.sub(" ", text) if name.endswith(".html") else text).split()
        for first in range(0, len(words) - PASSAGE_WORDS // 2, PASSAGE_WORDS):
            yield " ".join(words[first : first + PASSAGE_WORDS])


async def _store(database: Database, provider: LocalProvider, passages: Sequence[str], number: int) -> Tenant:
    """Store passages like a worker: chunks, vectors and terms of a document in one transaction."""
    key = generate_key()
    user = await database.one(
        "users/create", email=f"{number}@example.com", name=None, plan="enterprise", preferences={}, external_id=None,
        key_prefix=key.prefix, key_hash=key.key_hash,
    )  # fmt: skip
    assert user is not None
    queue = Queue(database, "bench", 600)
    seconds = 0.0
    for first in range(0, len(passages), CHUNKS_A_DOCUMENT):
        part = passages[first : first + CHUNKS_A_DOCUMENT]
        vectors = (await provider.embed(part)).astype(np.float16)
        await database.one(
            "documents/create", user_id=user.id, filename=f"{first}.txt", file_type="text", metadata={},
            content=b"text", content_hash=UUID(int=first + 1), replaces=None, expires_at=None, purpose=None,
            charset=None, is_read=True, file_size=4,
        )  # fmt: skip
        job = await queue.claim()
        assert job is not None
        await queue.start(job)
        started = time.perf_counter()
        await queue.store(job, [TextChunk(passage, PASSAGE_WORDS, {}) for passage in part], vectors)
        seconds += time.perf_counter() - started
    await renew_sample(database, user.id, "chunk", is_forced=True)
    return Tenant(user.id, key.key, passages, seconds)


async def _build_indexes(database: Database, settings: Settings, url: str) -> set[UUID | None]:
    """Build the own indexes of large tenants; returns these tenants."""
    steps = await planned_steps(database, settings.index_min_rows)
    builder = await IndexBuilder.open(url, database.statements)
    try:
        for step in steps:
            await builder.apply(step)
    finally:
        await builder.close()
    return {step.user_id for step in steps if step.has_index}


async def _measure_http(url: str, tenant: Tenant, asked: Sequence[str]) -> list[float]:
    """The median and the 95th percentile, in milliseconds, of the requests of one client."""
    command = [str(Path(sys.executable).with_name("cabinet")), "serve"]
    variables = {"DATABASE_URL": url, "CABINET_PORT": "0", "CABINET_WORKER_CONCURRENCY": "0"}
    headers = {"Authorization": f"Bearer {tenant.key}"}
    requests = [encode_request("POST", "/search", headers, {"query": query, "limit": 10}) for query in asked]
    async with running_service(command, variables, r"Cabinet serves on (http://\S+)") as service:
        # The first searches plan the statement and read the tenant's pages.
        await run_load(service.url, requests, 1, _HTTP_WARM_S)
        load = await run_load(service.url, requests, 1, _HTTP_S)
    return [load.p50_ms, load.p95_ms]


async def _measure(
    backend: Backend, database: Database, plain: Any, provider: LocalProvider, tenant: Tenant, asked: Sequence[str],
    of: TenantSize, exact_rows: int,
) -> list[object]:  # fmt: skip
    """A row of the table."""
    size = of.chunk_count
    reader = QueryTermsReader(database, "english", Background())
    filters = Filters.of(DocumentFilters(), None)
    vectors = await provider.embed(asked)
    budget = postings_budget(size, is_filtered=False)
    best: list[list[str]] = []

    async def keyword(number: int) -> Found[Any]:
        terms = await reader.of(tenant.user_id, "chunk", ReadQuery(asked[number]), budget, size)
        found = await run_keyword(database, KeywordSearch(tenant.user_id, terms, 100, filters))
        best.append([row.content for row in found.rows[:10]])
        return found

    async def hybrid(number: int) -> Found[Any]:
        terms = await reader.of(tenant.user_id, "chunk", ReadQuery(asked[number]), budget, size)
        meaning = Search(tenant.user_id, vectors[number], 10, "cosine", None, filters)
        return await run_hybrid(database, HybridSearch(meaning, terms, 0.6), of, exact_rows)

    statement = (_SQL / "search_plain.sql").read_text()

    async def ts_rank(number: int) -> None:
        await plain.fetch(statement, tenant.user_id, asked[number])

    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    searches: list[Callable[[int], Awaitable[Found[Any] | None]]] = [keyword, hybrid, ts_rank]
    for number in [0, *range(len(asked))]:
        for search in searches:
            started = time.perf_counter()
            found = await search(number)
            times[search.__name__, "client"].append(1000 * (time.perf_counter() - started))
            if found is not None:
                processor_ms = await backend.processor_ms(found)
                times[search.__name__, "server"].append(np.nan if processor_ms is None else processor_ms)
    figures = [each for one in times.values() for each in np.percentile(one[1:], (50, 95))]
    return [size, size / tenant.seconds, *figures, _overlap(best[1:], _exact(tenant.passages, asked))]


def _overlap(found: Sequence[Sequence[str]], exact: Sequence[Sequence[str]]) -> float:
    shares = [len({*some} & {*all_}) / len(all_) for some, all_ in zip(found, exact, strict=True) if all_]
    return float(np.mean(shares))


def _exact(passages: Sequence[str], asked: Sequence[str]) -> list[list[str]]:
    """The ten best passages of each query by BM25 of the same terms, with the true number of texts of each."""
    words = Words("english")
    queries = [words.query(query).counts for query in asked]
    wanted = {term for counts in queries for term in counts}
    postings: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for number, passage in enumerate(passages):
        counted = words.document(passage)
        added = float(added_for_length(counted.length))
        for term in wanted & counted.counts.keys():
            count = counted.counts[term]
            postings[term].append((number, count / (count + added)))
    found = []
    for counts in queries:
        scores: Counter[int] = Counter()
        for term, count in counts.items():
            weight = count * inverse_frequency(len(passages), len(postings[term]) / len(passages))
            for number, value in postings[term]:
                scores[number] += weight * value  # type: ignore[assignment]
        found.append([passages[number] for number, _ in scores.most_common(10)])
    return found


if __name__ == "__main__":
    main()
