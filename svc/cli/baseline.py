"""`cabinet sql baseline`: the plans of statements, written into their plan files for a person to review."""

from __future__ import annotations

from collections.abc import Sequence

import click

from svc.cli.environment import DATABASE_OPTIONS, POOL_OPTIONS, migrated_urls, run, settings_options
from svc.cli.output import echo
from svc.cli.sections import Command
from svc.database.queries import Database, open_database
from svc.errors import CabinetError
from svc.plans.baselines import Recorder
from svc.plans.files import plan_path, read_plan_file, record_shapes
from svc.resources import resource_folder
from svc.settings import Settings


@click.command(cls=Command)
@click.argument("names", nargs=-1)
@settings_options(*DATABASE_OPTIONS, *POOL_OPTIONS)
def baseline(settings: Settings, names: Sequence[str]) -> None:
    """Write the plans that the database at hand makes into the plan files of statements, all of them or those named.

    The tests hold them to the database of `python -m tests.plans.database`, so record on that one, and read the
    difference before it is kept.
    """
    for line in run(_recorded(settings, [name.removesuffix(".sql") for name in names])):
        echo(line)


async def _recorded(settings: Settings, names: Sequence[str]) -> list[str]:
    # As the owner: the statements of the migrations are closed to the service's role.
    async with migrated_urls(settings) as urls:
        database = await open_database(settings, urls.owner)
        try:
            return await _record(settings, urls.owner, database, names)
        finally:
            await database.close()


async def _record(settings: Settings, url: str, database: Database, names: Sequence[str]) -> list[str]:
    folder = resource_folder("plans")
    recorder = await Recorder.open(settings, url, database)
    said = []
    try:
        for statement in recorder.in_order(names):
            path = plan_path(folder, statement.name)
            try:
                shapes = await recorder.shapes(statement, read_plan_file(path))
            except CabinetError as error:
                said.append(f"{statement.name}: not recorded: {error.detail}")
                continue
            is_changed = record_shapes(path, shapes, recorder.server_version)
            said.append(f"{statement.name}: {'written, see git diff' if is_changed else 'as recorded'}")
    finally:
        await recorder.close()
    return said
