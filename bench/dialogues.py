"""Measures the recall of message searches in long dialogues with known answers: each mode over HTTP, and BM25.

    python -m bench.dialogues
    python -m bench.dialogues bench/dialogues --limit 6

A dialogue is a text file of sessions, `== 2024-01-14`, with a line for each message, `Nora: … #tag`, and at the end
`== questions` with lines `kind tag tag | question`. The tags of a question name the messages that it needs. Recall is
the share of these messages among the results, averaged over the questions of a kind.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import bm25s
import click
import httpx
import numpy as np
import Stemmer

from bench.machine import describe_machine
from bench.report import DEFAULT_FOLDER, Report
from bench.servers import benchmark_server
from bench.service import ADMIN_KEY, running_service
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings

MODES = ("hybrid", "keyword", "meaning")
_TAG = re.compile(r"\s#(\w+)")
_EMBEDDED_WITHIN_S = 120


@dataclass(frozen=True)
class Asked:
    """A question of a kind, and the numbers of the messages that it needs, from 1."""

    kind: str
    text: str
    needed: frozenset[int]


@dataclass
class Dialogue:
    """The messages of two speakers, and questions about them."""

    messages: list[dict[str, str]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


Recall = Mapping[str, float]


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0])
@click.argument(
    "path", default=Path(__file__).parent / "dialogues", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--limit", default=20, show_default=True, help="Results of a search.")
@click.option("--folder", default=DEFAULT_FOLDER, type=click.Path(path_type=Path), show_default=True)
def main(*, path: Path, limit: int, folder: Path) -> None:
    """Read the flags and run."""
    asyncio.run(_run(path, limit, folder))


def read_dialogue(path: Path) -> Dialogue:
    """Read a dialogue."""
    dialogue, day = Dialogue(), ""
    places: dict[str, set[int]] = defaultdict(set)
    for line in path.read_text().splitlines():
        if line.startswith("== "):
            day = line.removeprefix("== ")
        elif day == "questions":
            wanted, text = line.split(" | ")
            kind, *tags = wanted.split()
            dialogue.asked.append(Asked(kind, text, frozenset().union(*(places[tag] for tag in tags))))
        else:
            speaker, text = line.split(": ", maxsplit=1)
            role = "user" if not dialogue.messages or speaker == dialogue.messages[0]["name"] else "assistant"
            content = _TAG.sub("", text)
            dialogue.messages.append(
                {"role": role, "name": speaker, "content": content, "created_at": f"{day}T12:00:00Z"}
            )
            for tag in _TAG.findall(text):
                places[tag].add(len(dialogue.messages))
    return dialogue


async def _run(path: Path, limit: int, folder: Path) -> None:
    dialogues = [read_dialogue(file) for file in sorted(path.glob("*.txt"))]
    found: dict[str, dict[Asked, set[int]]] = {f"Cabinet, {mode}": {} for mode in MODES}
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(benchmark_server(memory_mb=128))
        await apply_migrations(Settings(_env_file=None), url)
        variables = {"DATABASE_URL": url, "CABINET_PORT": "0", "CABINET_ADMIN_KEY": ADMIN_KEY}
        cabinet = [str(Path(sys.executable).with_name("cabinet")), "serve"]
        service = await stack.enter_async_context(
            running_service(cabinet, variables, r"Cabinet serves on (http://\S+)")
        )
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=service.url, timeout=60))
        connection = await asyncpg.connect(url)
        machine = await describe_machine(connection)
        await connection.close()
        for number, dialogue in enumerate(dialogues):
            place = await _store(client, dialogue, number)
            for mode in MODES:
                for asked in dialogue.asked:
                    body = {"query": asked.text, "mode": mode, "limit": limit}
                    answer = (await client.post(f"{place}/search", json=body)).raise_for_status().json()
                    found[f"Cabinet, {mode}"][asked] = {result["position"] for result in answer["results"]}
    found["BM25 of the texts, bm25s"] = _bm25(dialogues, limit)
    kinds = sorted({asked.kind for dialogue in dialogues for asked in dialogue.asked})
    report = Report("dialogues", folder, ["method", *kinds, "all"], machine)
    for method, of_questions in found.items():
        report.add(method, *(_recall(of_questions, kind) for kind in [*kinds, None]))
    messages = sum(len(dialogue.messages) for dialogue in dialogues)
    report.write(f"recall@{limit} in {len(dialogues)} dialogues of {messages} messages")


async def _store(client: httpx.AsyncClient, dialogue: Dialogue, number: int) -> str:
    """Store a dialogue as the conversation of a user, whose key the client then sends; returns its path."""
    client.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
    user = (await client.post("/users", json={"email": f"{number}@example.com"})).raise_for_status().json()
    client.headers["Authorization"] = f"Bearer {user['api_key']}"
    conversation = (await client.post("/conversations", json={})).raise_for_status().json()
    place = f"/conversations/{conversation['id']}"
    (await client.post(f"{place}/messages", json=dialogue.messages)).raise_for_status()
    last = {"query": dialogue.messages[-1]["content"], "mode": "meaning", "limit": 1}
    async with asyncio.timeout(_EMBEDDED_WITHIN_S):
        while True:
            answer = (await client.post(f"{place}/search", json=last)).raise_for_status().json()
            if answer["results"] and answer["results"][0]["position"] == len(dialogue.messages):
                break
            await asyncio.sleep(0.2)
    # The worker counts the terms in its next turn.
    await asyncio.sleep(7)
    return place


def _bm25(dialogues: Sequence[Dialogue], limit: int) -> dict[Asked, set[int]]:
    stemmer = Stemmer.Stemmer("english")

    def tokens(texts: Sequence[str]) -> Any:
        return bm25s.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)

    found: dict[Asked, set[int]] = {}
    for dialogue in dialogues:
        index = bm25s.BM25(k1=1.2, b=0.75)
        index.index(tokens([message["content"] for message in dialogue.messages]), show_progress=False)
        asked = [each.text for each in dialogue.asked]
        rows, scores = index.retrieve(tokens(asked), k=min(limit, len(dialogue.messages)), show_progress=False)
        for each, places, values in zip(dialogue.asked, rows, scores, strict=True):
            found[each] = {int(row) + 1 for row, value in zip(places, values, strict=True) if value > 0}
    return found


def _recall(found: Mapping[Asked, set[int]], kind: str | None) -> float:
    shares = [
        len(asked.needed & places) / len(asked.needed) for asked, places in found.items() if kind in (None, asked.kind)
    ]
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
