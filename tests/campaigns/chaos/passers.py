"""Short-lived users: each stores data and is erased."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from tests.campaigns.chaos.answers import Answer, Judge
from tests.campaigns.chaos.clients import NO_SERVER_S, Client, Servers
from tests.campaigns.chaos.ledger import Ledger


class Passer:
    """A client that creates users, lets each store data, and erases them again."""

    def __init__(self, judge: Judge, ledger: Ledger, servers: Servers, admin_key: str, seed: str) -> None:
        self.is_over = False
        self.judge = judge
        self.ledger = ledger
        self._servers = servers
        self._admin_key = admin_key
        self._seed = seed
        self.chance = random.Random(seed)

    async def run(self, pause_s: float) -> None:
        """Create and erase one user after another until `is_over`."""
        number = 0
        while not self.is_over:
            number += 1
            await self._let_pass(f"{self._seed}-{number}")
            await asyncio.sleep(pause_s)

    async def _let_pass(self, tag: str) -> None:
        answer = await self._call("POST", "/users", json={"email": f"{tag}@example.com"})
        if answer.outcome != "acknowledged":
            return
        user = answer.body["user"]["id"]
        guest = Client(self.judge, self.ledger, self._servers, self._admin_key, user, answer.body["api_key"], tag, tag)
        await guest.upload()
        await guest.converse()
        await guest.append()
        await guest.upload()
        await guest.collector.create()
        await guest.collector.add_many()
        answer = await self._call("DELETE", f"/users/{user}")
        rows = [document for document in self.ledger.documents.values() if document.owners == {user}]
        conversations = [each for each in self.ledger.conversations if each.user == user]
        collections = [each for each in self.ledger.collections if each.user == user]
        for row in (*rows, *conversations, *collections):
            if answer.outcome == "acknowledged":
                row.gone()
            else:
                row.unknown()
        if answer.outcome == "acknowledged":
            self.ledger.erased.add(user)

    async def _call(self, method: str, path: str, **options: Any) -> Answer:
        while (server := self._servers(self.chance)) is None:  # noqa: ASYNC110
            await asyncio.sleep(NO_SERVER_S)
        return await self.judge.call(server, method, path, self._admin_key, **options)
