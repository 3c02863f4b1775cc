"""The command `cabinet`."""

from __future__ import annotations

import click

from svc import __version__
from svc.cli.bench import bench
from svc.cli.demo import demo
from svc.cli.doctor import doctor
from svc.cli.index import index
from svc.cli.keys import key
from svc.cli.migrate import migrate
from svc.cli.plan import plan
from svc.cli.roles import roles
from svc.cli.serve import serve
from svc.cli.sql import sql
from svc.cli.tenants import export_command, import_command
from svc.cli.usage import usage
from svc.cli.usage_errors import Commands
from svc.cli.users import user
from svc.cli.worker import worker


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="cabinet")
def main() -> None:
    """Cabinet: the data layer of an AI application, in one PostgreSQL, over HTTP.

    Every flag has an environment variable, named in its help; both can also stand in a file .env. Without
    DATABASE_URL a PostgreSQL of Cabinet's own runs on the data folder.
    """


for command in (
    serve, worker, migrate, roles, index, user, plan, usage, key, export_command, import_command, sql, doctor, bench,
    demo,
):  # fmt: skip
    main.add_command(command)
