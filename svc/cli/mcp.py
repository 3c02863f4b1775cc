"""`cabinet mcp`: the MCP server on standard input and output, as assistants start it."""

from __future__ import annotations

import click

from cabinet_client import AsyncCabinet
from svc.cli.connection import connection_options, run_client


@click.command("mcp")
@connection_options
def mcp_command(client: AsyncCabinet) -> None:
    """Serve the Model Context Protocol on standard input and output, for an assistant that starts this command."""

    async def work(client: AsyncCabinet) -> None:
        from svc.mcp.server import mcp_server  # noqa: PLC0415, the SDK takes half a second

        await client.me()
        await mcp_server(lambda _context: client).run_stdio_async()

    run_client(client, work)
