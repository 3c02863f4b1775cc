"""The clients of a soak: several users upload, search, read, append messages and ask for turns; their data stays of one
size.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from tests.campaigns.chaos.texts import question, text_of

# The data that each user keeps: older documents are deleted, and a full conversation is replaced.
_DOCUMENTS = 20
_MESSAGES = 100
_CHUNKS = (1, 2, 4, 12)
# Questions are asked again, as by a real application: the cache of their vectors fills, and then stays of one size.
_QUESTIONS = [question(random.Random(number)) for number in range(300)]
_LONGEST_S = 60.0


@dataclass
class Timed:
    """The answers of one stretch of time: the seconds of each, from the time at which its request was due."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)

    @property
    def p99_ms(self) -> float:
        """The milliseconds within which 99 of 100 answers came; 0 if there were none."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)] * 1000 if self.seconds else 0.0


class User:
    """One user, with some documents and a conversation."""

    def __init__(self, client: httpx.AsyncClient, key: str, number: int) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"}
        self._chance = random.Random(number)
        self._name = f"user{number}"
        self._uploads = itertools.count()
        self._documents: deque[str] = deque()
        self._conversation = ""
        self._messages = 0
        things: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (6, self._me), (6, self._list), (6, self._read), (4, self._history), (6, self._search), (3, self._turn),
            (3, self._append), (2, self._upload),
        ]  # fmt: skip
        self._weights, self._actions = zip(*things, strict=True)

    async def prepare(self) -> None:
        """Begin a conversation and upload the first document."""
        await self._converse()
        await self._upload()

    async def act(self) -> None:
        """Do one thing.

        Raises:
            httpx.HTTPError: the answer was no success, or none came.
        """
        await self._chance.choices(self._actions, self._weights)[0]()

    async def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        answer = await self._client.request(method, path, headers=self._headers, json=body)
        return answer.raise_for_status()

    async def _me(self) -> None:
        await self._ask("GET", "/me")

    async def _list(self) -> None:
        await self._ask("GET", "/documents")

    async def _read(self) -> None:
        await self._ask("GET", f"/documents/{self._documents[-1]}")

    async def _history(self) -> None:
        await self._ask("GET", f"/conversations/{self._conversation}/messages")

    async def _search(self) -> None:
        await self._ask("POST", "/search", {"query": self._chance.choice(_QUESTIONS), "limit": 5})

    async def _turn(self) -> None:
        await self._ask("POST", f"/conversations/{self._conversation}/turn", {"query": self._chance.choice(_QUESTIONS)})

    async def _append(self) -> None:
        self._messages += 1
        if self._messages > _MESSAGES:
            await self._ask("DELETE", f"/conversations/{self._conversation}")
            await self._converse()
        message = {"role": "user", "content": question(self._chance)}
        await self._ask("POST", f"/conversations/{self._conversation}/messages", message)

    async def _converse(self) -> None:
        self._messages = 0
        self._conversation = (await self._ask("POST", "/conversations", {"title": self._name})).json()["id"]

    async def _upload(self) -> None:
        name = f"{self._name}-{next(self._uploads)}.txt"
        text = text_of(name, 1, self._chance.choice(_CHUNKS), self._chance)
        self._documents.append(
            (await self._ask("POST", "/documents", {"filename": name, "content": text})).json()["id"]
        )
        if len(self._documents) > _DOCUMENTS:
            await self._ask("DELETE", f"/documents/{self._documents.popleft()}")


class Traffic:
    """The users, who send one request each at a time, at most."""

    def __init__(self, url: str, keys: list[str]) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=_LONGEST_S, trust_env=False)
        self._users = [User(self._client, key, number) for number, key in enumerate(keys)]

    async def prepare(self) -> None:
        """Let each user begin."""
        for user in self._users:
            await user.prepare()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def best_rate(self, seconds: float) -> float:
        """Return the requests a second that are answered if each user sends the next at once."""
        timed = Timed()
        until = time.monotonic() + seconds

        async def ask(user: User) -> None:
            while time.monotonic() < until:
                await self._act(user, time.monotonic(), timed)

        await asyncio.gather(*map(ask, self._users))
        return len(timed.seconds) / (time.monotonic() - timed.started_s)

    async def send(self, rate: float, seconds: float, stretch_s: float) -> list[Timed]:
        """Send `rate` requests a second, and return the answers of each stretch of `stretch_s` seconds.

        A request that is due while all users wait for an answer is sent later, and its answer counts from then on.
        """
        free: asyncio.Queue[User] = asyncio.Queue()
        for user in self._users:
            free.put_nowait(user)
        started = time.monotonic()
        stretches = [Timed() for _ in range(max(1, round(seconds / stretch_s)))]

        async def ask(user: User, due: float) -> None:
            stretch = min(int((due - started) / stretch_s), len(stretches) - 1)
            await self._act(user, due, stretches[stretch])
            free.put_nowait(user)

        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = started + number / rate
                await asyncio.sleep(due - time.monotonic())
                group.create_task(ask(await free.get(), due))
        return stretches

    async def _act(self, user: User, due: float, timed: Timed) -> None:
        try:
            await user.act()
        except httpx.HTTPStatusError as error:
            timed.failed.append(f"{error.request.method} {error.request.url.path}: {error.response.status_code}")
        except httpx.HTTPError as error:
            timed.failed.append(repr(error))
        timed.seconds.append(time.monotonic() - due)
