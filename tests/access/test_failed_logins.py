"""The count of unknown keys by address: burst, recovery, networks, and its bounds."""

from __future__ import annotations

import pytest

from svc.access import failed_logins
from svc.access.failed_logins import FailedLogins

KEY = b"key"


def counted(addresses: list[str], moment: list[float]) -> FailedLogins:
    """A count with one failure from each of these addresses."""
    failures = FailedLogins(lambda: moment[0])
    for address in addresses:
        failures.note_failure(address, b"unknown")
    return failures


def test_the_first_failures_are_free_and_then_one_a_second_is() -> None:
    moment = [100.0]
    failures = counted(["192.0.2.1"] * 49, moment)
    assert failures.wait_s("192.0.2.1", KEY) == 0
    failures.note_failure("192.0.2.1", b"unknown")
    assert failures.wait_s("192.0.2.1", KEY) == 1
    assert failures.wait_s("192.0.2.2", KEY) == 0
    moment[0] += 1
    assert failures.wait_s("192.0.2.1", KEY) == 0
    failures.note_failure("192.0.2.1", b"unknown")
    assert failures.wait_s("192.0.2.1", KEY) == 1
    moment[0] += 1000
    assert failures.wait_s("192.0.2.1", KEY) == 0


@pytest.mark.parametrize(
    ("address", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("no: address", "no: address", True),
    ],
)
def test_the_addresses_of_one_network_count_together(address: str, other: str, is_same: bool) -> None:
    failures = counted([address] * 60, [0.0])
    assert (failures.wait_s(other, KEY) > 0) is is_same


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "_MOST_ADDRESSES", 10)
    monkeypatch.setattr(failed_logins, "_MOST_KEYS", 10)
    failures = counted([f"192.0.2.{number}" for number in range(100)], [0.0])
    for number in range(100):
        failures.note_valid(bytes([number]))
    assert (len(failures._failures), len(failures._valid)) == (10, 10)


def test_a_valid_key_is_not_slowed() -> None:
    failures = counted(["192.0.2.1"] * 60, [0.0])
    failures.note_valid(KEY)
    assert failures.wait_s("192.0.2.1", KEY) == 0
    assert failures.wait_s("192.0.2.1", b"another") > 0


def test_a_revoked_key_that_is_sent_repeatedly_does_not_lock_out_its_address() -> None:
    moment = [100.0]
    failures = FailedLogins(lambda: moment[0])
    failures.note_valid(KEY)
    for _ in range(1000):
        if not failures.wait_s("192.0.2.1", KEY):
            failures.note_failure("192.0.2.1", KEY)

    assert failures.wait_s("192.0.2.1", KEY) == failures.wait_s("192.0.2.1", b"another") == 1
    moment[0] += 1
    assert failures.wait_s("192.0.2.1", b"another") == 0
