"""Measures the speed of ingestion: rows per second into filled tables, and chunks per second from upload to ready.

\b
rows       one document after another, with given vectors, into tables with
           their indexes: Cabinet (chunks, vectors and signatures in one
           transaction), also for a tenant large enough to have an HNSW index
           of their own; SQLAlchemy's session.add_all() and commit, with its
           HNSW index over all rows and without; and, as the limit, COPY into
           tables with no index, key or foreign key.
documents  text files uploaded to `cabinet serve`, whose worker parses,
           embeds and stores them: with the local model, and with an endpoint
           on loopback with negligible cost. Then the same files again, whose
           vectors are already stored.

Variants are measured in turn, and the medians of the rounds are shown. At the end, all variants must have stored the
same rows. Everything runs on the cores of this machine, including PostgreSQL and the uploading client.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click
from rich.progress import Progress

from bench.ingest_documents import STAGES, DocumentOptions, Ingested, ingest_documents
from bench.ingest_rows import BARE, ORM, ORM_PLAIN, RowOptions, store_rows
from bench.progress import quiet_progress
from bench.report import DEFAULT_FOLDER, Report, plot_bars
from bench.servers import MEMORY_MB
from svc.calibration.timing import percentile
from svc.cli.environment import run

Part = Literal["all", "rows", "documents"]
SHORT = {
    "dimensions": 384, "held": 4_000, "chunks": 200, "rounds": 5, "documents": 4, "document_chunks": 60,
    "document_rounds": 2,
}  # fmt: skip


@click.command(help=__doc__)
@click.option("--short", is_flag=True, help="Fewer and smaller rows, fewer rounds; under a minute.")
@click.option("--part", type=click.Choice(["all", "rows", "documents"]), default="all", show_default=True)
@click.option(
    "--dimensions", type=int, default=1536, show_default=True, help="Dimensions, also of the endpoint's vectors."
)
@click.option("--held", type=int, default=20_000, show_default=True, help="rows: rows in the tables at the start.")
@click.option("--chunks", type=int, default=500, show_default=True, help="rows: chunks of one document.")
@click.option("--rounds", type=int, default=12, show_default=True, help="rows: measured documents of each variant.")
@click.option("--documents", type=int, default=8, show_default=True, help="documents: documents uploaded in one round.")
@click.option(
    "--document-chunks", type=int, default=300, show_default=True, help="documents: approximate chunks of one document."
)
@click.option("--document-rounds", type=int, default=5, show_default=True, help="documents: measured rounds.")
@click.option("--chunk-tokens", type=int, default=512, show_default=True, help="documents: maximum tokens in a chunk.")
@click.option("--workers", type=int, default=4, show_default=True, help="documents: documents ingested at once.")
@click.option("--memory-mb", type=int, default=MEMORY_MB, show_default=True, help="shared_buffers of the servers.")
@click.option("--folder", type=click.Path(path_type=Path), default=DEFAULT_FOLDER, show_default=True)
def main(short: bool, part: Part, memory_mb: int, folder: Path, **options: Any) -> None:
    if short:
        options |= SHORT
    row_options = RowOptions(
        dimensions=options["dimensions"], held=options["held"], chunks=options["chunks"], rounds=options["rounds"]
    )
    document_options = DocumentOptions(
        dimensions=options["dimensions"], documents=options["documents"], chunks=options["document_chunks"],
        chunk_tokens=options["chunk_tokens"], workers=options["workers"], rounds=options["document_rounds"],
    )  # fmt: skip
    run(_measure(part, row_options, document_options, memory_mb, folder))


async def _measure(
    part: Part, row_options: RowOptions, document_options: DocumentOptions, memory_mb: int, folder: Path
) -> None:
    with quiet_progress() as progress:
        if part != "documents":
            await _measure_rows(row_options, memory_mb, folder, progress)
        if part != "rows":
            await _measure_documents(document_options, memory_mb, folder, progress)


async def _measure_rows(options: RowOptions, memory_mb: int, folder: Path, progress: Progress) -> None:
    stored = await store_rows(options, memory_mb, progress)
    columns = [
        "variant", "rows/s", "p50 ms", "p95 ms", "µs a row", "times SQLAlchemy", "times that without HNSW", "% of COPY",
        "documents", "rows stored",
    ]  # fmt: skip
    report = Report("ingest-rows", folder, columns, stored.machine)
    rates = {name: 1000 * options.chunks / times.p50 for name, times in stored.times.items()}
    for name, times in stored.times.items():
        report.add(
            name, rates[name], times.p50, times.p95, 1e6 / rates[name], rates[name] / rates[ORM],
            rates[name] / rates[ORM_PLAIN], 100 * rates[name] / rates[BARE], len(times.milliseconds),
            stored.row_counts[name],
        )  # fmt: skip
    report.write(
        f"Documents of {options.chunks} chunks, {options.dimensions} dimensions, one at a time, into tables with "
        f"{options.held:,} rows; medians of {options.rounds} rounds"
    )
    for what, plan in stored.plans.items():
        report.write_plan(what, plan)
    plot_bars(
        folder / "ingest-rows.svg",
        f"Rows a second into tables with {options.held:,} rows, {options.dimensions} dimensions",
        "rows a second, median",
        {name.replace(", ", ",\n"): {"rows a second": rate} for name, rate in rates.items()},
        log_y=True,
    )


async def _measure_documents(options: DocumentOptions, memory_mb: int, folder: Path, progress: Progress) -> None:
    ingested = await ingest_documents(options, memory_mb, progress)
    columns = [
        "provider", "pass", "chunks/s", "p50 s", "p95 s", "chunks", *(f"{stage} ms" for stage in STAGES), "reused %",
        "rounds",
    ]  # fmt: skip
    report = Report("ingest-documents", folder, columns, ingested.machine)
    rates: dict[str, dict[str, float]] = {}
    for (provider, which), rounds in ingested.rounds.items():
        seconds = [one.seconds for one in rounds]
        rate = statistics.median(one.rate for one in rounds)
        report.add(
            provider, which, rate, statistics.median(seconds), percentile(seconds, 0.95), rounds[-1].chunks,
            *(_stage_ms(rounds, stage) for stage in STAGES),
            100 * sum(one.reused for one in rounds) / sum(one.chunks for one in rounds), len(rounds),
        )  # fmt: skip
        rates.setdefault(provider, {})[which] = rate
    report.write(
        f"{options.documents} text files of about {options.chunks} chunks of {options.chunk_tokens} tokens, from the "
        f"first upload until all are ready; {options.workers} at once; stages: milliseconds for 1,000 chunks, summed "
        f"over the documents, including the wait for one of the two parsers; endpoint: {options.dimensions} dimensions"
    )
    for what, plan in ingested.plans.items():
        report.write_plan(what, plan)
    plot_bars(
        folder / "ingest-documents.svg", "Chunks a second, from upload to ready", "chunks a second, median", rates,
        log_y=False,
    )  # fmt: skip


def _stage_ms(rounds: Sequence[Ingested], stage: str) -> float:
    """Milliseconds of a stage for 1,000 chunks, the median of the rounds."""
    return statistics.median(1e6 * one.stage_seconds[stage] / one.chunks for one in rounds)


if __name__ == "__main__":
    main()
