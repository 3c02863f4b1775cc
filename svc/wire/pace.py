"""How fast a client must send a body or read an answer."""

from __future__ import annotations

# A client that moves less than this in a second is the first to go when memory or connections run out.
_BRISK_BYTES_PER_S = 16 * 1024
# Seconds without such a second after which it counts as stalled.
_STALLED_AFTER_S = 1.5


class Pace:
    """The progress of one transfer, measured in windows.

    A transfer is late if fewer than `window_bytes` move within `window_s` seconds. Bytes that move faster than required
    are not credited to later windows: otherwise a client that sent 30 MiB at once could hold them for hours.
    """

    __slots__ = ("_brisk_at", "_counted", "_looked_at", "_mark", "_until", "_window_bytes", "_window_s")

    def __init__(self, window_s: float, window_bytes: int) -> None:
        self._window_s = window_s
        self._window_bytes = window_bytes
        self.start(0.0, 0)

    def start(self, now: float, count: int) -> None:
        """Begin at `now`, after `count` bytes."""
        self._mark = self._counted = count
        self._until = now + self._window_s
        self._brisk_at = self._looked_at = now

    def is_late(self, now: float, count: int) -> bool:
        """Return whether too little has moved, now that `count` bytes have."""
        if count - self._mark >= self._window_bytes:
            self._mark = count
            self._until = now + self._window_s
        if count - self._counted >= _BRISK_BYTES_PER_S * (now - self._looked_at) and count > self._counted:
            self._brisk_at = now
        self._counted, self._looked_at = count, now
        return now >= self._until

    def is_stalled(self, now: float) -> bool:
        """Return whether the transfer is so slow that it may be ended in favour of others."""
        return now - self._brisk_at > _STALLED_AFTER_S

    @property
    def brisk_at(self) -> float:
        """When the transfer was last fast."""
        return self._brisk_at
