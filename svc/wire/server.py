"""uvicorn's server, whose connections come through the lobby."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from svc.wire.connections import Connections
from svc.wire.listeners import further_listeners
from svc.wire.lobby import Lobby
from svc.wire.protocol import CabinetProtocol
from svc.wire.refusals import refusal


class WireServer(uvicorn.Server):
    """Takes connections itself from the sockets that `serve` is given. Its configuration needs no `http`."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections
        self._protocol = _protocol_on(connections)
        self._lobby: Lobby | None = None
        self._further: list[socket.socket] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets=[])
        self._lobby = Lobby(
            self._connections, self._hand_over, lambda error: refusal(error, self.server_state.default_headers)
        )
        for listener in sockets or []:
            self._further += further_listeners(listener)
        for listener in (*(sockets or []), *self._further):
            self._lobby.listen(listener)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and end those that are open after their current answers."""
        if self._lobby is not None:
            self._lobby.close()
        await super().shutdown(sockets)
        for listener in self._further:
            listener.close()

    async def _hand_over(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._new_protocol, connection)
        except BaseException:
            connection.close()
            raise

    def _new_protocol(self) -> CabinetProtocol:
        return self._protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _protocol_on(connections: Connections) -> type[CabinetProtocol]:
    """Return the class of a server's connections."""

    class Protocol(CabinetProtocol):
        """One connection of this server."""

        wire = connections

    return Protocol
