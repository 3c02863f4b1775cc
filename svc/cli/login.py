"""`cabinet login`: a saved URL and key, so that the commands over HTTP work from any folder."""

from __future__ import annotations

import click

from cabinet_client import AsyncCabinet
from svc.cli.connection import opened, profile_path, run_client, write_profile
from svc.cli.failing import fail
from svc.cli.output import echo
from svc.errors import StartupError


@click.command("login")
@click.option("--url", metavar="URL", default="http://127.0.0.1:8080", show_default=True, help="URL of the service.")
@click.option("--key", metavar="KEY", prompt="API key", hide_input=True, help="API key; default: asks for it.")
@click.option("--user", metavar="USER", help="For the admin's key: the id or email of the user to act for.")
def login_command(url: str, key: str, user: str | None) -> None:
    """Save a URL and a key for the commands over HTTP, after a request with them succeeded."""

    async def check(client: AsyncCabinet) -> tuple[str, str | None]:
        me = await client.me()
        return me.email or f"a key of the collection {me.collection_id}", client.acts_for

    if not key.strip():
        fail(StartupError("The API key is empty."))
    try:
        client = opened(url, key, user)
    except StartupError as error:
        fail(error)
    name, user_id = run_client(client, check)
    path = write_profile({"url": url, "key": key, "user": user_id or ""})
    echo(f"You are {name}. Saved in {path}.")


@click.command("logout")
def logout_command() -> None:
    """Delete the saved URL and key."""
    path = profile_path()
    existed = path.exists()
    path.unlink(missing_ok=True)
    echo(f"Deleted {path}." if existed else "There was no saved key.")
