"""Checks that searches by words find every text, and weigh words by recent samples."""

from __future__ import annotations

from svc.doctor.checks import Check, Finding, Subject, Verdict, plural
from svc.doctor.samples import MAX_ROWS, sampled_tenants, verdict

# A text without words, such as a drawing in characters, has no terms.
_MISSING_SHARE = 0.05
# A worker may be about to count the terms of a few texts.
_SAMPLED_FROM = 200
_WORKER = "cabinet worker, or cabinet serve with CABINET_WORKER_CONCURRENCY above 0"


async def missing_terms(subject: Subject) -> Verdict:
    """Compares the chunks of a random sample of tenants with those that have terms."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/terms", user_ids=users, max_rows=MAX_ROWS)
    missing = [row for row in rows if row.chunks - row.with_terms > _MISSING_SHARE * row.chunks]
    return verdict(
        seen,
        missing,
        "tenants",
        lambda row: Finding(
            "note" if row.is_waiting else "warning",
            f"{row.chunks - row.with_terms:,} of {plural(row.chunks, 'chunk')} of user {row.user_id} have no terms",
            "searches by words do not find them; a worker adds the terms in the background"
            if row.is_waiting
            else "searches by words do not find them, and no worker will add the terms, unless they have no words",
            (_WORKER,) if row.is_waiting else (row.fix,),
        ),
    )


async def term_samples(subject: Subject) -> Verdict:
    """Compares the chunks of a random sample of tenants with the number at which their terms were last counted."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/terms", user_ids=users, max_rows=MAX_ROWS)
    late = [row for row in rows if row.chunks >= _SAMPLED_FROM and row.chunks > 2 * row.sampled_count]
    return verdict(
        seen,
        late,
        "tenants",
        lambda row: Finding(
            "warning",
            f"user {row.user_id} has {row.chunks:,} chunks, but their terms were counted when there were "
            f"{row.sampled_count:,}",
            "searches by words do not know which words are rare; a worker counts them again within some minutes",
            (_WORKER,),
        ),
    )


CHECKS = (
    Check("missing-terms", "counts", "that every chunk can be found by its words", missing_terms),
    Check("term-samples", "counts", "that the terms of each tenant were counted recently", term_samples),
)
