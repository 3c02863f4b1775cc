"""A server that cannot answer all requests soon refuses some of them quickly."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from svc.errors import UnavailableError
from svc.web.overload import Overload
from tests.campaigns.overload import overload
from tests.conftest import running_service, test_settings
from tests.routes.tenants import new_tenant


async def late_while_in_hand(overload: Overload, requests: int, path: str = "/me") -> str:
    """Hold this many requests, let the loop be late, and return the outcome of another request."""

    async def hold() -> None:
        with overload.request("/documents"):
            await done.wait()

    done = asyncio.Event()
    holding = [asyncio.create_task(hold()) for _ in range(requests)]
    await asyncio.sleep(0)
    try:
        # The first request with many current ones starts the measurement.
        with overload.request("/me"):
            pass
        time.sleep(0.3)  # noqa: ASYNC251 - this is what makes the loop late
        with overload.request(path):
            return "accepted"
    except UnavailableError as error:
        assert error.retry_after_s
        return "refused"
    finally:
        done.set()
        await asyncio.wait(holding)


@pytest.mark.parametrize(
    ("requests", "most_late_s", "path", "expected"),
    [
        (64, 0.1, "/me", "refused"),
        (10, 0.1, "/me", "accepted"),
        (64, 60, "/me", "accepted"),
        (64, 0, "/me", "accepted"),
        (64, 0.1, "/health/ready", "accepted"),
        (64, 0.1, "/metrics", "accepted"),
    ],
)
async def test_a_loop_that_is_late_refuses_while_many_requests_are_in_hand(
    requests: int, most_late_s: float, path: str, expected: str
) -> None:
    assert await late_while_in_hand(Overload(most_late_s), requests, path) == expected


async def test_requests_are_accepted_again_when_the_loop_is_on_time() -> None:
    measured = Overload(0.1)
    assert await late_while_in_hand(measured, 64) == "refused"
    await asyncio.sleep(0.2)
    with measured.request("/me"):
        pass


async def test_requests_are_refused_with_503_and_retry_after(database_url: str) -> None:
    async with running_service(test_settings(overload_late_s=0.001, worker_concurrency=0), database_url) as service:
        tenant = await new_tenant(service)
        answers = await asyncio.gather(*(tenant.get("/documents") for _ in range(400)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert {answer.headers["retry-after"] for answer in answers if answer.status_code == 503} == {"2"}


def test_a_short_overload_fails_no_request_without_a_reason() -> None:
    """The short version of `python -m tests.campaigns.overload`."""
    for few, many in overload(clients=128, users=4, seconds=2, rounds=1):
        assert not few.failed
        assert not many.failed
        assert many.accepted
