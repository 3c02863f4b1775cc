"""`cabinet index`: the indexes of large tenants."""

from __future__ import annotations

import asyncio

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from svc.cli.environment import DATABASE_OPTIONS, POOL_OPTIONS, migrated_urls, run, settings_options
from svc.cli.output import echo
from svc.cli.sections import Group
from svc.database.queries import Database, open_database
from svc.search.index_plan import IndexStep, planned_steps
from svc.search.own_indexes import IndexBuilder
from svc.settings import Settings

_LOOK_S = 0.5


@click.group(cls=Group)
def index() -> None:
    """Build the HNSW indexes of large tenants, and drop those no longer needed."""


@index.command()
@settings_options("index_min_rows", "index_max_count", "index_memory_mb", *DATABASE_OPTIONS, *POOL_OPTIONS)
def plan(settings: Settings) -> None:
    """Print the steps of `apply` with their reasons, locks and estimated durations."""
    run(_plan(settings))


@index.command()
@settings_options("index_min_rows", "index_max_count", "index_memory_mb", *DATABASE_OPTIONS, *POOL_OPTIONS)
def apply(settings: Settings) -> None:
    """Build and drop indexes as planned, while the service runs. Safe to kill and to repeat."""
    run(_apply(settings))


async def _plan(settings: Settings) -> None:
    async with migrated_urls(settings) as urls:
        database = await open_database(settings, urls.service)
        try:
            _print(
                await planned_steps(database, settings.index_min_rows, settings.index_max_count),
                database,
                settings.index_memory_mb,
            )
        finally:
            await database.close()


def _memory(step: IndexStep, memory_mb: int) -> str:
    if step.memory_mb <= memory_mb:
        return f"{step.memory_mb} MB"
    return f"{step.memory_mb} MB, over CABINET_INDEX_MEMORY_MB ({memory_mb}): several times as slow"


def _print(steps: list[IndexStep], database: Database, memory_mb: int) -> None:
    console = Console()
    for number, step in enumerate(steps, start=1):
        table = Table(title=f"{number}. {step.action} {step.index_name}", title_justify="left", show_header=False)
        table.add_row("why", step.reason)
        table.add_row("runs", "\n".join(step.ddl(database.statements)) or "(only notes it with the tenant)")
        table.add_row("locks", step.lock)
        table.add_row("takes about", f"{step.estimate_s:.0f} s" if step.creates else "a moment")
        if step.creates:
            table.add_row("in memory", _memory(step, memory_mb))
        console.print(table)
    console.print(f"{len(steps)} step(s). Run them with: cabinet index apply" if steps else "Nothing to do.")


async def _apply(settings: Settings) -> None:
    async with migrated_urls(settings) as urls:
        # As the owner, who sees the progress of a build.
        database = await open_database(settings, urls.owner)
        try:
            builder = await IndexBuilder.open(urls.owner, database.statements, settings.index_memory_mb)
            try:
                steps = await planned_steps(database, settings.index_min_rows, settings.index_max_count)
                for step in steps:
                    await _apply_with_bar(database, builder, step)
            finally:
                await builder.close()
        finally:
            await database.close()
    echo(f"{len(steps)} step(s) taken." if steps else "Nothing to do.")


async def _apply_with_bar(database: Database, builder: IndexBuilder, step: IndexStep) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[phase]}"), TimeElapsedColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task(f"{step.action} {step.index_name}", total=None, phase="")
        work = asyncio.create_task(builder.apply(step))
        while not work.done():
            await asyncio.wait([work], timeout=_LOOK_S)
            row = await database.one("indexes/progress")
            if row is not None:
                progress.update(bar, completed=row.done, total=row.total or None, phase=row.phase)
        await work
        progress.update(bar, completed=1, total=1, phase="done")
