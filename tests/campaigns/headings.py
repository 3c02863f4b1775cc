"""Measures the benefit of the headings above a chunk: 40 questions on the project's own documents, asked with the local
model.

    python -m tests.campaigns.headings

A question counts as answered by a chunk that overlaps the section with the answer by more than half of the shorter of
both. The questions were written before the first measurement.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from svc.embedding.local import LocalProvider
from svc.ingest.packing import split
from svc.ingest.parse import parse
from svc.settings import Settings

ROOT = Path(__file__).parents[2]
FIRST = 10

# A question, the page with its answer, and the beginning of the section, or words in the paragraph, that contain it.
QUESTIONS = [
    ("How do I set up the project for development?", "CONTRIBUTING.md", "installs into .venv/"),
    ("What are the steps to add a migration?", "CONTRIBUTING.md", "migrations/<next number>"),
    ("How do I add a new SQL statement?", "CONTRIBUTING.md", "Write `sql/<folder>/<name>.sql`"),
    ("What must I do to add a new setting?", "CONTRIBUTING.md", "Add a field to one of the groups"),
    ("Which alternatives to an ORM were considered?", "docs/decisions/no-orm.md", "## Alternatives"),
    ("Consequences of deciding for two database roles", "docs/decisions/two-roles.md", "## Consequences"),
    ("Why is the queue a narrow table of its own?", "docs/decisions/queue-table.md", "## Context"),
    ("Alternatives to UUID version 7", "docs/decisions/uuidv7.md", "## Alternatives"),
    (
        "What are the consequences of own indexes for large tenants?",
        "docs/decisions/own-indexes.md",
        "## Consequences",
    ),
    ("Why does the service choose the search lane itself?", "docs/decisions/search-lanes.md", "## Context"),
    (
        "Which alternatives were there to signatures for few dimensions?",
        "docs/decisions/signatures.md",
        "## Alternatives",
    ),
    ("Decision about custom plans", "docs/decisions/custom-plans.md", "## Decision"),
    ("What follows from counting under CHECK constraints?", "docs/decisions/counts.md", "## Consequences"),
    ("Why is there an embedded server by default?", "docs/decisions/embedded-server.md", "## Context"),
    ("How do I back up the embedded server?", "docs/backup.md", "## The embedded server"),
    ("How do I back up a PostgreSQL of my own?", "docs/backup.md", "## A PostgreSQL of your own"),
    ("How can secrets be kept in files?", "docs/configuration.md", "### Secrets in files"),
    ("Which parts may the URL of a database have?", "docs/configuration.md", "### The URL of a database"),
    ("How do I configure the embedding model?", "docs/configuration.md", "## The embedding model"),
    (
        "How does a document become searchable?",
        "docs/for-application-engineers.md",
        "## How a document becomes searchable",
    ),
    ("What separates users from each other?", "docs/for-application-engineers.md", "## The separation of users"),
    (
        "What should my application do when something fails?",
        "docs/for-application-engineers.md",
        "## When something fails",
    ),
    ("How do I run Cabinet behind PgBouncer?", "docs/for-dbas.md", "### Behind PgBouncer"),
    ("Which databases are refused?", "docs/for-dbas.md", "### Which databases are refused"),
    ("What does the doctor examine?", "docs/for-dbas.md", "## The doctor"),
    ("Which privileges have the roles?", "docs/for-dbas.md", "## Roles"),
    ("How do filters affect a search?", "docs/for-performance-engineers.md", "### Filters"),
    ("How do I explain the plan of a search?", "docs/for-performance-engineers.md", "## Explain a search"),
    ("What is set on every connection?", "docs/for-performance-engineers.md", "## The settings of every connection"),
    ("Where do the lanes cross?", "docs/for-performance-engineers.md", "### Where the lanes cross"),
    ("How do I move a user to another installation?", "docs/operations.md", "## Moving a user"),
    ("How do I erase a user?", "docs/operations.md", "## Erasing a user"),
    ("How do I give documents to another user?", "docs/operations.md", "## Giving documents to another user"),
    ("How do I find slow statements?", "docs/operations.md", "## Slow statements"),
    ("How do I export traces?", "docs/operations.md", "## Traces"),
    ("How do I upgrade to a new version?", "docs/operations.md", "## Upgrades"),
    ("How do I change an API key?", "docs/operations.md", "## Keys"),
    ("What limits does the parser have?", "docs/operations.md", "### The parser"),
    ("Where is Cabinet slower than others?", "docs/benchmarks.md", "## Where Cabinet loses"),
    ("How do I send a request again without doing it twice?", "docs/api.md", "## Sending a request again"),
]


class Part(NamedTuple):
    """A place in a page, and the text that is embedded for it."""

    page: str
    start: int
    end: int
    text: str


def answer_to(page: str, text: str, mark: str) -> Part:
    """The section that begins with `mark`, or what is above it in its section."""
    at = text.index(mark)
    if not mark.startswith("#"):
        return Part(page, text.rfind("\n#", 0, at), at + len(mark), "")
    level = len(mark) - len(mark.lstrip("#"))
    after = re.compile(rf"^#{{1,{level}}} ", re.MULTILINE).search(text, at + len(mark))
    return Part(page, at, after.start() if after else len(text), "")


def is_answer(part: Part, wanted: Part) -> bool:
    """Whether a chunk and the section with the answer overlap by more than half of the shorter one."""
    shared = min(part.end, wanted.end) - max(part.start, wanted.start)
    return part.page == wanted.page and shared > min(part.end - part.start, wanted.end - wanted.start) / 2


async def measure(parts: list[Part], answers: list[Part], provider: LocalProvider) -> str:
    """The questions that the first chunk answers, one of the first three and ten, and the mean reciprocal rank."""
    vectors = await provider.embed([part.text for part in parts])
    questions = await provider.embed([question for question, _, _ in QUESTIONS])
    ranks = []
    for similarities, wanted in zip(questions @ vectors.T, answers, strict=True):
        order = np.argsort(-similarities)[:FIRST]
        ranks.append(next((rank for rank, n in enumerate(order, 1) if is_answer(parts[n], wanted)), FIRST + 1))
    hits = [sum(rank <= first for rank in ranks) for first in (1, 3, FIRST)]
    reciprocal = sum(1 / rank for rank in ranks if rank <= FIRST) / len(ranks)
    return f"answered by the first chunk {hits[0]}, by three {hits[1]}, by ten {hits[2]}; MRR@10 {reciprocal:.3f}"


async def main() -> None:
    """Print the figures with the headings and without."""
    pages = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/decisions/*.md")})
    texts = {str(page.relative_to(ROOT)): page.read_text() for page in pages}
    answers = [answer_to(page, texts[page], mark) for _, page, mark in QUESTIONS]
    chunks = [
        (page, chunk)
        for page, text in texts.items()
        for chunk in split(parse("markdown", text.encode()), chunk_tokens=512, overlap_tokens=64, max_chunks=100_000)
    ]
    provider = LocalProvider(Settings())
    for name in ("indexed", "content"):
        parts = [
            Part(page, chunk.metadata["start"], chunk.metadata["end"], getattr(chunk, name)) for page, chunk in chunks
        ]
        print(f"{name}: {await measure(parts, answers, provider)}")
    await provider.close()


if __name__ == "__main__":
    asyncio.run(main())
