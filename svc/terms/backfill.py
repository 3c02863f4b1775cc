"""Adds terms to texts that have none: those stored before there were terms, and those of an import.

`term_jobs` has a row for each user with such texts. A step reads some texts of one user, adds missing terms, and
records its progress, so a stopped worker loses only one step. Texts that are stored meanwhile already have terms.
"""

from __future__ import annotations

from typing import get_args

from svc import metrics
from svc.database import rows as r
from svc.database.failures import ConstraintError
from svc.database.queries import Database
from svc.terms.samples import renew_sample
from svc.terms.texts import Kind, StoredTerms
from svc.vectors.texts import indexed_text, worded_message

_TEXTS_AT_ONCE = 200
_BYTES_AT_ONCE = 2**20
# Other workers skip a job for this time after a step began.
_LEASE_S = 60.0


class Backfill:
    """The work on `term_jobs`."""

    def __init__(self, database: Database, terms: StoredTerms) -> None:
        self._database = database
        self._terms = terms

    async def step(self) -> bool:
        """Add terms to some texts of one user. Returns False if no job is due.

        Raises:
            CabinetError: the database does not answer; the job is due again later.
        """
        job = await self._database.one("terms/claim", lease_s=_LEASE_S)
        if job is None:
            return False
        try:
            if job.conversation_id is not None or not await self._chunks(job):
                await self._messages(job)
        except ConstraintError:
            # A text was deleted or transferred, or got its terms, since it was read. The next step reads the new state.
            await self._database.exec(
                "terms/advance",
                user_id=job.user_id,
                chunk_id=job.chunk_id,
                conversation_id=job.conversation_id,
                position=job.position,
            )
        return True

    async def _chunks(self, job: r.TermsClaim) -> bool:
        """Returns whether there were chunks."""
        user_id = job.user_id
        rows = await self._database.many(
            "terms/list_chunks", user_id=user_id, after=job.chunk_id, max_rows=_TEXTS_AT_ONCE
        )
        if not rows:
            return False
        wanted = [(row, indexed_text(row.content, row.metadata)) for row in rows if row.content is not None]
        found = await self._terms.of([content for _, content in wanted], user_id)
        added = [
            r.IngestWriteTerms(user_id, row.id, row.document_id, terms.keys, terms.weights)
            for (row, _), terms in zip(wanted, found, strict=True)
            if terms is not None
        ]
        async with self._database.transaction() as transaction:
            if added:
                await transaction.copy("ingest/write_terms", added)
            await transaction.exec(
                "terms/advance", user_id=user_id, chunk_id=rows[-1].id, conversation_id=None, position=None
            )
        metrics.added_terms_total.labels("chunk").inc(len(added))
        return True

    async def _messages(self, job: r.TermsClaim) -> None:
        user_id = job.user_id
        rows = await self._database.many(
            "terms/list_messages",
            user_id=user_id,
            after_conversation_id=job.conversation_id,
            after_position=job.position,
            max_bytes=_BYTES_AT_ONCE,
            max_rows=_TEXTS_AT_ONCE,
        )
        if not rows:
            await self._database.exec(
                "terms/finish", user_id=user_id, conversation_id=job.conversation_id, position=job.position
            )
            for kind in get_args(Kind):
                await renew_sample(self._database, user_id, kind, is_forced=True)
            return
        wanted = [
            (row, worded_message(row.content, row.name, row.created_at, row.metadata))
            for row in rows
            if row.content is not None
        ]
        found = await self._terms.of([content for _, content in wanted], user_id, "message")
        added = [
            r.MessageJobsWriteTerms(
                user_id, row.conversation_id, row.position, row.role, row.created_at, terms.keys, terms.weights
            )
            for (row, _), terms in zip(wanted, found, strict=True)
            if terms is not None
        ]
        last = rows[-1]
        async with self._database.transaction() as transaction:
            if added:
                await transaction.copy("message_jobs/write_terms", added)
            await transaction.exec(
                "terms/advance",
                user_id=user_id,
                chunk_id=job.chunk_id,
                conversation_id=last.conversation_id,
                position=last.position,
            )
        metrics.added_terms_total.labels("message").inc(len(added))
