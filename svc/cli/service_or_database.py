"""Commands that read either a service over HTTP or a database: the choice, and the line that names the source.

A service in the command line comes first, then a database in the command line, the settings or the data folder, then
the service of the environment or of `cabinet login`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from cabinet_client import AsyncCabinet
from svc.cli.connection import opened, read_profile
from svc.cli.environment import DATABASE_OPTIONS, setting_option
from svc.cli.failing import fail
from svc.cli.output import echo
from svc.embedded.server import is_made
from svc.errors import CabinetError, StartupError
from svc.log_format import configure_log
from svc.settings import Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])
Place = AsyncCabinet | Settings
"""A service, or the settings of a database."""


def place_options(command: Command) -> Command:
    """Give a command `--url`, `--key` and the flags of the database; it receives a `place` instead of them.

    An argument `user` can be omitted only for a service, where it is the user of the key.
    """

    def with_place(**arguments: Any) -> Any:
        url, key = arguments.pop("url"), arguments.pop("key")
        flags = {name: arguments.pop(name) for name in DATABASE_OPTIONS}
        try:
            place = _place(url, key, flags, "user" in arguments and arguments["user"] is None)
        except CabinetError as error:
            fail(error)
        result = command(place=place, **arguments)
        echo(f"Read from {name_of(place)}.", err=True)
        return result

    with_place.__doc__ = command.__doc__
    with_place.__name__ = command.__name__
    # Introspection of the command finds the wrapped function.
    with_place.__wrapped__ = command  # type: ignore[attr-defined]
    with_place.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for name in reversed(DATABASE_OPTIONS):
        with_place = setting_option(name)(with_place)
    # The variables are read later: as options, they would take precedence over a database.
    with_place = click.option("--key", metavar="KEY", help="Its API key [CABINET_KEY; default: the profile]")(
        with_place
    )
    return click.option(
        "--url",
        metavar="URL",
        help="Read this service over HTTP instead of a database [CABINET_URL; default: the profile]",
    )(with_place)  # type: ignore[return-value]


def _place(url: str | None, key: str | None, flags: dict[str, Any], lacks_user: bool) -> Place:
    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None]
    if url or key:
        if given:
            named = "--url" if url else "--key"
            raise StartupError(f"{named} names a service over HTTP, and {given[0]} a database; give only one.")
        return _service(url, key)
    settings = load_settings(**flags)
    is_named = bool(given) or settings.database_url is not None or "data_dir" in settings.model_fields_set
    if not is_named and not is_made(settings.data_dir):
        if os.environ.get("CABINET_URL") or os.environ.get("CABINET_KEY") or read_profile():
            return _service(None, None)
        if not lacks_user:
            raise StartupError(
                f"There is no database in the data folder {settings.data_dir.expanduser().resolve()}, DATABASE_URL is "
                "not set, and no service is named. Run cabinet login, or give --url and --key; or name the data folder "
                "that cabinet serve printed with --data-dir (or CABINET_DATA_DIR), or set DATABASE_URL."
            )
    if lacks_user:
        context = click.get_current_context()
        [user] = [parameter for parameter in context.command.params if parameter.name == "user"]
        raise click.MissingParameter(ctx=context, param=user)
    configure_log(settings.log_level, settings.log_format)
    return settings


def _service(url: str | None, key: str | None) -> AsyncCabinet:
    return opened(url or os.environ.get("CABINET_URL"), key or os.environ.get("CABINET_KEY"), None)


def name_of(place: Place) -> str:
    """The service or the database, without a password."""
    if isinstance(place, AsyncCabinet):
        return f"the service {place.url}"
    if place.database_url is None:
        return f"the database in the data folder {place.data_dir.expanduser().resolve()}"
    url = urlsplit(place.database_url.get_secret_value())
    return f"the database {url.path.lstrip('/')} of {url.netloc.rpartition('@')[2] or 'this machine'}"
