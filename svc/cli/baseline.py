"""`cabinet sql baseline`: records the plans of statements in their plan files, for review."""

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
    """Record the plans of all statements, or of the named ones, in their plan files.

    The tests compare them with the plans on the database of `python -m tests.plans.database`: record the plans on that
    database, and review the difference before you commit it.
    """
    for line in run(_recorded(settings, [name.removesuffix(".sql") for name in names])):
        echo(line)


async def _recorded(settings: Settings, names: Sequence[str]) -> list[str]:
    # As the owner: the service's role may not run the statements of the migrations.
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
