"""`cabinet bench`: measures which lane of a search is fastest for each size of tenant on this hardware."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from svc.calibration.crossover import Crossover, LaneTimes, SizeTimes, measure_sizes, suggest
from svc.cli.environment import DATABASE_OPTIONS, run, settings_options
from svc.cli.sections import Command
from svc.database.queries import open_database
from svc.embedded.server import start_embedded
from svc.errors import StartupError
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings

_SIZES = "250,500,1000,2000,4000,8000,16000,32000"
_STATEMENT_TIMEOUT_S = 600.0


@click.command(cls=Command)
@click.option("--sizes", default=_SIZES, show_default=True, help="Sizes of the tenants that are made, in vectors.")
@click.option("--dimensions", default=None, type=click.IntRange(8, 3584), help="Default: those of the settings' model.")
@click.option("--rounds", default=100, show_default=True, help="Measured searches of each lane.")
@settings_options(
    "exact_max_rows", "index_min_rows", *(name for name in DATABASE_OPTIONS if name != "data_dir")
)  # fmt: skip
def bench(settings: Settings, sizes: str, dimensions: int | None, rounds: int) -> None:
    """Measure the lanes of a search and print the settings that suit this machine.

    It creates tenants with synthetic vectors of the configured dimensions and times the lanes on each in turn. It uses
    a temporary server, or the database of DATABASE_URL, which must be empty; the data that it creates there is kept.
    """
    try:
        wanted = sorted({int(size) for size in sizes.split(",")})
    except ValueError:
        raise click.BadParameter("give whole numbers, separated by commas", param_hint="--sizes") from None
    if wanted[0] < 100:
        raise click.BadParameter("the smallest size is 100", param_hint="--sizes")
    run(_bench(settings, dimensions or settings.dimensions, wanted, rounds))


async def _bench(settings: Settings, dimensions: int, sizes: list[int], rounds: int) -> None:
    # The model is never called: the vectors are made up.
    made_up = settings.model_copy(
        update={
            "openai_base_url": "http://127.0.0.1:9/v1", "embedding_provider": "openai", "embedding_model": "made-up",
            "embedding_dimensions": dimensions, "statement_timeout_s": _STATEMENT_TIMEOUT_S,
        }
    )  # fmt: skip
    console = Console()
    measured: list[SizeTimes] = []
    async with _url(settings) as url:
        await apply_migrations(made_up, url)
        database = await open_database(made_up, url)
        try:
            if await database.many("users/list", after=None, max_rows=1):
                raise StartupError("The database of DATABASE_URL has users; cabinet bench needs an empty one")
            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            with Progress(*columns, console=console) as progress:
                bar = progress.add_task(f"{made_up.dimensions} dimensions", total=sum(sizes))
                async for times in measure_sizes(database, url, made_up.dimensions, sizes, rounds):
                    measured.append(times)
                    progress.advance(bar, times.size)
        finally:
            await database.close()
    console.print(_table(measured, made_up.dimensions))
    for line in _advice(suggest(measured), made_up):
        console.print(line, highlight=False)


@asynccontextmanager
async def _url(settings: Settings) -> AsyncIterator[str]:
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    folder = Path(tempfile.mkdtemp(prefix="cabinet-bench-"))
    folder.chmod(0o755)
    try:
        server = await start_embedded(folder, settings.postgres_version, settings.embedded_memory_mb)
        try:
            yield server.url
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _table(measured: list[SizeTimes], dimensions: int) -> Table:
    table = Table(
        "vectors", "exact p50 / p95 ms", "bits", "recall", "index", "recall", "built in s",
        title=f"Ten results, {dimensions} dimensions", title_justify="left",
    )  # fmt: skip
    for times in measured:
        table.add_row(
            f"{times.size:,}", _milliseconds(times.exact), _milliseconds(times.bits), f"{times.bits.recall:.3f}",
            _milliseconds(times.index), f"{times.index.recall:.3f}", f"{times.build_s:.1f}",
        )  # fmt: skip
    return table


def _milliseconds(times: LaneTimes) -> str:
    return f"{times.p50_ms:.2f} / {times.p95_ms:.2f}"


def _advice(crossover: Crossover, settings: Settings) -> list[str]:
    exact, index = crossover.exact_max_rows, crossover.index_min_rows
    return [
        f"CABINET_EXACT_MAX_ROWS={exact}   (current: {settings.exact_rows})"
        if exact is not None
        else "The exact lane was the fastest at all of these sizes: set CABINET_EXACT_MAX_ROWS above them.",
        f"CABINET_INDEX_MIN_ROWS={index}   (current: {settings.index_min_rows})"
        if index is not None
        else "An index was not clearly faster at any of these sizes: set CABINET_INDEX_MIN_ROWS above them.",
    ]
