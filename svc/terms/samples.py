"""Counts in how many of a tenant's texts each term occurs.

All texts are counted, or a sample of a large tenant's. The weights of rare terms determine the best texts, and a small
sample is inaccurate for them: with the shares of 2,000 of 5,000 passages, three of a hundred results differed from
those with all. The texts are counted again when their number has changed by a fifth, so each is counted about six
times, in about 15 µs. Terms in only one text are not kept, except the marks of languages.
"""

from __future__ import annotations

import math
from uuid import UUID

from svc import metrics
from svc.database.queries import Database
from svc.terms.by_language import MARKS
from svc.terms.texts import Kind
from svc.terms.weights import salt

_TEXTS = 50_000
# The hash selects a random number of texts around the requested one.
_MOST_TEXTS = 52_000
_MOST_TERMS = 50_000
_ALL = 2**20
_GROWTH = 1.2
_EXAMINED_AT_ONCE = 500


async def stale_tenants(database: Database, after: UUID | None) -> tuple[list[UUID], UUID | None]:
    """The tenants among the next ones whose chunks must be sampled, and the last one examined; None: there are no more.

    A call reads a bounded number of tenants, however many there are.
    """
    rows = await database.many("terms/stale_samples", after=after, max_rows=_EXAMINED_AT_ONCE)
    last = rows[-1].user_id if len(rows) == _EXAMINED_AT_ONCE else None
    return [row.user_id for row in rows if row.is_stale], last


async def renew_sample(database: Database, user_id: UUID, kind: Kind, *, is_forced: bool = False) -> None:
    """Sample the texts of a tenant if their number has changed by a fifth, or in any case if `is_forced`."""
    text_count, sampled_count = await _counts(database, user_id, kind)
    if not (is_forced or _is_stale(text_count, sampled_count)):
        return
    part = min(_ALL, math.ceil(_ALL * _TEXTS / max(1, text_count)))
    async with database.transaction() as transaction:
        if not await transaction.exec("terms/begin_sample", user_id=user_id, kind=kind, text_count=text_count):
            return
        await transaction.exec("terms/forget_shares", user_id=user_id, kind=kind)
        own = salt(user_id)
        if kind == "chunk":
            await transaction.exec(
                "terms/sample_chunks",
                user_id=user_id, salt=own, part=part, max_rows=_MOST_TEXTS, max_terms=_MOST_TERMS, marks=MARKS,
            )  # fmt: skip
        else:
            await transaction.exec(
                "terms/sample_messages",
                user_id=user_id, salt=own, part=part, max_rows=_MOST_TEXTS, max_terms=_MOST_TERMS, marks=MARKS,
            )  # fmt: skip
    metrics.term_samples_total.labels(kind).inc()


async def _counts(database: Database, user_id: UUID, kind: Kind) -> tuple[int, int | None]:
    """The number of texts now and at the last sample, which is None if there was none."""
    if kind == "chunk":
        chunks = await database.one("terms/count_chunks", user_id=user_id)
        return (0, None) if chunks is None else (max(0, chunks.text_count), chunks.sampled_count)
    messages = await database.one("terms/count_messages", user_id=user_id)
    return (0, None) if messages is None else (messages.text_count, messages.sampled_count)


def _is_stale(text_count: int, sampled_count: int | None) -> bool:
    if sampled_count is None:
        return text_count > 0
    return text_count > sampled_count * _GROWTH or text_count * _GROWTH < sampled_count
