"""Slows down clients that guess API keys: an address gets a few lookups of unknown keys, then one per second.

Others are refused without a statement. A recently valid key is looked up from any address, so that clients behind the
same proxy cannot lock each other out. Memory is bounded: only the newest addresses and keys are kept.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

_BURST = 50
_PER_S = 1.0
_MOST_ADDRESSES = 10_000
_MOST_KEYS = 10_000
# The network of an IPv6 address that is assigned to one customer.
_IPV6_NETWORK = 64
_LONGEST_ADDRESS = 64


class FailedLogins:
    """Counts unknown keys by client address. `now_s` returns the seconds of a monotonic clock."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        # The failures of each address, reduced over time, and the time of that computation.
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._valid: OrderedDict[bytes, None] = OrderedDict()

    def wait_s(self, address: str, key_hash: bytes) -> float:
        """Seconds until a key from this address may be looked up; 0 means now."""
        if key_hash in self._valid or not self._failures:
            return 0.0
        return max(0.0, (self._left(_network(address)) - _BURST + 1) / _PER_S)

    def note_failure(self, address: str, key_hash: bytes) -> None:
        """Record that a key from this address is unknown.

        If it was valid before, it is slowed down from now on: a program that keeps using a revoked key must not use up
        the lookups for other keys from its address.
        """
        self._valid.pop(key_hash, None)
        network = _network(address)
        self._failures[network] = (min(_BURST, self._left(network) + 1), self._now_s())
        self._failures.move_to_end(network)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def note_valid(self, key_hash: bytes) -> None:
        """Record that a key is valid."""
        self._valid[key_hash] = None
        self._valid.move_to_end(key_hash)
        if len(self._valid) > _MOST_KEYS:
            self._valid.popitem(last=False)

    def _left(self, network: str) -> float:
        failures, noted_at = self._failures.get(network, (0.0, 0.0))
        return max(0.0, failures - (self._now_s() - noted_at) * _PER_S)


def _network(address: str) -> str:
    """The part of an address that one client cannot change.

    A proxy may pass on any text as the client's address, so a long one is truncated.
    """
    address = address[:_LONGEST_ADDRESS]
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], _IPV6_NETWORK), strict=False))
    except ValueError:
        return address
