"""All connections of one server: their maximum number, their memory, and the choice of those to close."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import resource
from collections import OrderedDict
from operator import itemgetter
from typing import Protocol

from prometheus_client import Counter
from uvicorn.protocols.utils import get_local_addr

from svc import metrics
from svc.errors import CabinetError, TooManyConnectionsError, UnavailableError
from svc.settings.groups import ServerSettings
from svc.settings.proxies import networks_of
from svc.web.spooling import Spooled
from svc.wire.memory import give_back, keep_little
from svc.wire.unread import has_unread

NEWCOMERS_SHARE = 8
"""Connections without a request may exceed the maximum number of connections by one in this number."""
IDLE = 2
"""The place, in the order in which connections go, of those that wait for a next request."""
# Seconds between two looks at the deadlines of all connections.
CHECK_S = 0.5
# At the limit, this share of the connections goes at once, so that the search is not repeated for each newcomer.
_EVICTED_SHARE = 8
# Connections that were answered and are only waiting for the client to read it.
_MAX_LINGERING = 256
# Files of the process besides connections: PostgreSQL, parsers, the embedding endpoint, the log.
_OTHER_FILES = 256
# Transfers smaller than this are never ended to make room.
_SMALL_BYTES = 64 * 1024
# Memory is given back to the system after more than this was in flight.
_TRIMMED_BYTES = 4 * 2**20
_RETRY_S = 1.0


class Connection(Protocol):
    """A connection as this module sees it."""

    address: str
    held_bytes: int
    spooled: Spooled
    transport: asyncio.Transport

    def check(self, now: float) -> None:
        """End the connection if a deadline has passed."""

    def patience(self, now: float) -> tuple[int, float] | None:
        """Return the order in which connections go, least first; None if the server is at work for this one."""

    def stalled_since(self, now: float) -> float | None:
        """Return since when its transfer has been slow; None if it is fast or there is none."""

    def evict(self) -> None:
        """End the connection in favour of others, and release its resources."""

    def abort(self) -> None:
        """End the connection at once."""


class Newcomers(Protocol):
    """The connections that have sent no request yet, as this module sees them."""

    def __len__(self) -> int:
        """Return how many there are."""

    def check(self, now: float) -> None:
        """End those whose deadline has passed."""


class Connections:
    """The open connections of one server.

    `bytes_in_flight` is the memory that bodies being received and answers being written occupy.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.capacity = _capacity(settings.max_connections)
        self._proxies = networks_of(settings.trusted_proxies)
        self.bytes_in_flight = 0
        self.bytes_on_disk = 0
        self._most_on_disk = max(settings.max_spooled_bytes, settings.max_upload_bytes)
        self.lobby: Newcomers | None = None
        # In the order of their beginning, which decides between equals.
        self._open: dict[Connection, None] = {}
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._lingering: OrderedDict[Connection, None] = OrderedDict()
        self._own_address: tuple[str, int | None] | None = None
        self._next_search = 0.0
        self._peak_bytes = 0
        keep_little()
        metrics.connections.set_function(lambda: self.open_count + len(self._lingering) + len(self.lobby or ()))
        metrics.bytes_in_flight.set_function(lambda: self.bytes_in_flight)

    @property
    def open_count(self) -> int:
        """The number of connections that have sent a request."""
        return len(self._open)

    def count_of(self, address: str) -> int:
        """Return the number of connections of an address that have sent a request."""
        return len(self._by_address.get(address, ()))

    def limit_of(self, address: str) -> int:
        """Return how many connections an address may have; 0 if it has no limit of its own."""
        limit = self.settings.max_connections_per_address
        return 0 if not limit or not address or self._is_proxy(address) else limit

    def own_address(self, transport: asyncio.BaseTransport) -> tuple[str, int | None] | None:
        """Return the address on which the server listens, as the first connection shows it."""
        if self._own_address is None:
            self._own_address = get_local_addr(transport)  # type: ignore[arg-type]
        return self._own_address

    async def turn(self) -> float:
        """Look at the deadlines of all connections. One turn of a background loop."""
        now = asyncio.get_running_loop().time()
        for connection in [*self._open, *self._lingering]:
            connection.check(now)
        if self.lobby is not None:
            self.lobby.check(now)
        if self.bytes_in_flight > self.settings.max_in_flight_bytes:
            self._end_stalled(now)
        self._peak_bytes = max(self._peak_bytes, self.bytes_in_flight)
        if self._peak_bytes > _TRIMMED_BYTES and self.bytes_in_flight < self._peak_bytes // 4:
            self._peak_bytes = self.bytes_in_flight
            # By then, the application has also released the resources of these requests.
            await asyncio.sleep(CHECK_S)
            await asyncio.to_thread(give_back)
        return CHECK_S

    def admit(self, connection: Connection, now: float) -> CabinetError | None:
        """Add a connection, closing others that wait for their clients if necessary; the error if there is no room."""
        peers = self._by_address.get(connection.address, {})
        limit = self.limit_of(connection.address)
        if limit and len(peers) >= limit and not self._evict(peers, now):
            count("address")
            return TooManyConnectionsError(
                f"{limit} connections from your address are in use, the maximum; reuse connections",
                retry_after_s=_RETRY_S,
            )
        if len(self._open) >= self.capacity and not self._evict(self._open, now):
            count("connections")
            return UnavailableError("all connections of this server are in use; try again", retry_after_s=_RETRY_S)
        self._open[connection] = None
        self._by_address.setdefault(connection.address, {})[connection] = None
        return None

    def linger(self, connection: Connection) -> None:
        """Count a connection among those that were answered and only wait for the client to read the answer."""
        self._forget(connection)
        self._lingering[connection] = None
        if len(self._lingering) > _MAX_LINGERING:
            oldest, _ = self._lingering.popitem(last=False)
            oldest.abort()

    def remove(self, connection: Connection) -> None:
        """Remove a connection, however it ended."""
        self._forget(connection)
        self._lingering.pop(connection, None)
        self.release(connection, connection.held_bytes)

    def hold(self, connection: Connection, size: int, now: float) -> bool:
        """Count bytes that a connection occupies, ending stalled transfers of others if necessary.

        Returns whether there is room for them.
        """
        connection.held_bytes += size
        self.bytes_in_flight += size
        if self.bytes_in_flight > self.settings.max_in_flight_bytes and now >= self._next_search:
            self._end_stalled(now, connection)
        return self.bytes_in_flight <= self.settings.max_in_flight_bytes

    def spool(self, connection: Connection, size: int, now: float) -> bool:
        """Count bytes of an upload that were written to disk, ending slow uploads of others if necessary.

        Returns whether there is room for them.
        """
        connection.spooled.size += size
        connection.spooled.release = self._unspool
        self.bytes_on_disk += size
        if self.bytes_on_disk > self._most_on_disk:
            slow = [
                (since, one)
                for one in self._open
                if one is not connection and one.spooled.size and (since := one.stalled_since(now)) is not None
            ]
            for _, one in sorted(slow, key=itemgetter(0)):
                if self.bytes_on_disk <= self._most_on_disk:
                    break
                count("stalled")
                one.evict()
        return self.bytes_on_disk <= self._most_on_disk

    def _unspool(self, size: int) -> None:
        self.bytes_on_disk -= size

    def release(self, connection: Connection, size: int) -> None:
        """Count bytes that a connection no longer occupies; none once it was removed."""
        size = min(size, connection.held_bytes)
        connection.held_bytes -= size
        self.bytes_in_flight -= size

    def _is_proxy(self, address: str) -> bool:
        if not self._proxies:
            return False
        network = ipaddress.ip_network(address)
        return any(proxy.version == network.version and proxy.overlaps(network) for proxy in self._proxies)

    def _forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        if peers := self._by_address.get(connection.address):
            peers.pop(connection, None)
            if not peers:
                del self._by_address[connection.address]

    def _evict(self, among: dict[Connection, None], now: float) -> bool:
        ranked = [(rank, one) for one in among if (rank := one.patience(now)) is not None]
        ranked.sort(key=itemgetter(0))
        wanted, evicted = max(1, len(among) // _EVICTED_SHARE), 0
        for (place, _), one in ranked:
            if evicted == wanted:
                break
            if place == IDLE and has_unread(one.transport):
                # Its next request has arrived since the loop last looked: it would be lost.
                continue
            count("evicted")
            one.evict()
            evicted += 1
        return evicted > 0

    def _end_stalled(self, now: float, newcomer: Connection | None = None) -> None:
        self._next_search = now + CHECK_S / 2
        stalled = [
            (since, one)
            for one in self._open
            if one is not newcomer and one.held_bytes > _SMALL_BYTES and (since := one.stalled_since(now)) is not None
        ]
        stalled.sort(key=itemgetter(0))
        for _, one in stalled:
            if self.bytes_in_flight <= self.settings.max_in_flight_bytes:
                return
            count("stalled")
            one.evict()


def count(reason: str) -> None:
    """Count a connection or request that was refused or ended, by reason."""
    _counter_of(reason).inc()


@functools.cache
def _counter_of(reason: str) -> Counter:
    # Finding it takes ten times as long as counting.
    return metrics.connections_refused_total.labels(reason)


@functools.lru_cache(maxsize=4096)
def _address(host: str) -> str:
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def address_of(client: tuple[str, int] | None) -> str:
    """Return the key of the limit per address: the IPv4 address, or the first 64 bits of an IPv6 address.

    It is empty for a Unix socket, to which the limit does not apply.
    """
    if client is None:
        return ""
    return _address(client[0].partition("%")[0])


def _capacity(wanted: int) -> int:
    """Return how many connections the process can have open, at most `wanted`; raises its limit of files if needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + wanted // NEWCOMERS_SHARE + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return (
        wanted
        if soft == resource.RLIM_INFINITY
        else max(1, min(wanted, (soft - _OTHER_FILES) * NEWCOMERS_SHARE // (NEWCOMERS_SHARE + 1)))
    )
