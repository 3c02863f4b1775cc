"""The connection of the commands over HTTP: from flags, the environment, or the profile of `cabinet login`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from cabinet_client import AnswerError, AsyncCabinet, CabinetClientError
from svc.access.references import PREFIX
from svc.cli.failing import fail
from svc.cli.named_over_http import found_user
from svc.errors import CabinetError, StartupError

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])
_DEFAULT_URL = "http://127.0.0.1:8080"


class ClientError(CabinetError):
    """The service refused, or did not answer."""

    title = "No success"


def config_folder() -> Path:
    """The folder of the profile and of the records of `cabinet upload` (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "cabinet"


def profile_path() -> Path:
    """The file that `cabinet login` writes."""
    return config_folder() / "profile.json"


def read_profile() -> dict[str, str]:
    """The saved URL, key and user; empty where there is none.

    Raises:
        StartupError: the file is damaged, or others may read it.
    """
    path = profile_path()
    if not path.exists():
        return {}
    if path.stat().st_mode & 0o077:
        raise StartupError(f"Other users of this machine may read {path}, which holds a key. Run: chmod 600 {path}")
    try:
        profile = json.loads(path.read_text())
    except ValueError:
        profile = None
    if not isinstance(profile, dict):
        raise StartupError(f"{path} is damaged. Run cabinet login again.")
    return {name: str(value) for name, value in profile.items() if value}


def write_profile(profile: dict[str, str]) -> Path:
    """Save the URL, key and user in a file that only this user of the machine can read."""
    path = profile_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(profile, file)
    new.replace(path)
    return path


def connection_options(command: Command) -> Command:
    """Give a command `--url`, `--key` and `--user`; the command receives a `client` in their place."""

    def with_client(**arguments: Any) -> Any:
        url, key, user = (arguments.pop(name) for name in ("url", "key", "user"))
        try:
            client = opened(url, key, user)
        except CabinetError as error:
            fail(error)
        return command(client=client, **arguments)

    with_client.__doc__ = command.__doc__
    with_client.__name__ = command.__name__
    # Introspection of the command finds the wrapped function.
    with_client.__wrapped__ = command  # type: ignore[attr-defined]
    with_client.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option(
            "--user", metavar="USER", help="For the admin's key: the id, email or external id of the user to act for."
        ),
        click.option("--key", metavar="KEY", envvar="CABINET_KEY", help="API key [CABINET_KEY; default: the profile]"),
        click.option(
            "--url", metavar="URL", envvar="CABINET_URL", help=f"[CABINET_URL; default: the profile, {_DEFAULT_URL}]"
        ),
    ):
        with_client = option(with_client)
    return with_client  # type: ignore[return-value]


def opened(url: str | None, key: str | None, user: str | None) -> AsyncCabinet:
    """A client of the service that these arguments or the profile name.

    Raises:
        StartupError: there is no key, or only one that was saved for another service; or the URL is invalid.
    """
    profile = read_profile() if not (url and key) else {}
    saved_url = profile.get("url")
    if not key:
        if url and saved_url and url.rstrip("/") != saved_url.rstrip("/"):
            raise StartupError(f"The saved API key is one of {saved_url}. For {url}, give --key or CABINET_KEY.")
        # The saved user belongs to the saved key.
        key, user = profile.get("key"), user or profile.get("user")
    if not key:
        raise StartupError("There is no API key. Run cabinet login, or give --key or CABINET_KEY.")
    try:
        return AsyncCabinet(url or saved_url or _DEFAULT_URL, key, user=user)
    except ValueError as error:
        raise StartupError(f"{error}.") from None


def run_client(client: AsyncCabinet, work: Callable[[AsyncCabinet], Coroutine[Any, Any, T]]) -> T:
    """Run a command's work with its client; an error of the service ends the command with its message."""

    async def whole() -> T:
        async with client:
            await _name_the_user(client)
            return await work(client)

    try:
        return asyncio.run(whole())
    except AnswerError as error:
        fail(ClientError(error.detail or str(error)), 1)
    except CabinetClientError as error:
        fail(ClientError(str(error)), 1)
    except CabinetError as error:
        fail(error, 1)
    except FileNotFoundError as error:
        fail(ClientError(str(error)), 1)
    except KeyboardInterrupt:
        sys.exit(130)


async def _name_the_user(client: AsyncCabinet) -> None:
    """If `--user` can be an email address, act for the user with that address."""
    user = client.acts_for
    if user is not None and "@" in user and not user.startswith(PREFIX):
        client.act_for(None)
        client.act_for((await found_user(client, user)).id)
