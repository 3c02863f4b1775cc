"""Slows down clients that guess API keys: an address may have some unknown keys looked up, then one per second.

The others are refused without a statement. A key that was valid lately is looked up from any address, so that a client
is not locked out by others behind the same proxy. Memory is bounded: of addresses and of keys, the newest are kept.
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
# An address of a network that is handed out whole to one customer.
_IPV6_NETWORK = 64
_LONGEST_ADDRESS = 64


class FailedLogins:
    """Counts unknown keys by client address. `now_s` returns seconds of any clock that does not go back."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        # Failures of each address, less those that time has taken off, and when that was computed.
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._valid: OrderedDict[bytes, None] = OrderedDict()

    def wait_s(self, address: str, key_hash: bytes) -> float:
        """Seconds until a key from this address may be looked up; 0: now."""
        if key_hash in self._valid or not self._failures:
            return 0.0
        return max(0.0, (self._left(_network(address)) - _BURST + 1) / _PER_S)

    def note_failure(self, address: str, key_hash: bytes) -> None:
        """Note that a key from this address is unknown.

        If it was valid until now, it is slowed down from here on: a program that goes on with a revoked key must not
        use up the lookups of the other keys of its address.
        """
        self._valid.pop(key_hash, None)
        network = _network(address)
        self._failures[network] = (min(_BURST, self._left(network) + 1), self._now_s())
        self._failures.move_to_end(network)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def note_valid(self, key_hash: bytes) -> None:
        """Note that a key is valid."""
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
