"""Checks of the queues: overdue jobs, jobs of dead workers, and documents that no worker will process."""

from __future__ import annotations

from svc.doctor.checks import Check, Finding, Subject, Verdict, plural

_MAX_ROWS = 1000
_SHOWN = 20
_WORKER = "start a worker: cabinet worker, or cabinet serve with CABINET_WORKER_CONCURRENCY above 0"


async def queue_age(subject: Subject) -> Verdict:
    """Finds queues with jobs that have been overdue for a long time and that no worker has claimed."""
    rows, findings = await subject.database.many("doctor/queues", max_rows=2), []
    for row in rows:
        if row.waiting_s > subject.limits.overdue_s:
            problem = f"the queue of the {row.queue} ({plural(row.jobs, 'job')}) is {row.waiting_s:.0f} s behind"
            why = "no worker is running, or there are too few"
            findings.append(Finding("warning", problem, why, (_WORKER,)))
    return Verdict(", ".join(f"{row.queue}: {plural(row.jobs, 'job')}" for row in rows) or "empty", findings)


async def expired_lease(subject: Subject) -> Verdict:
    """Finds queues with jobs whose lease expired long ago."""
    rows, findings = await subject.database.many("doctor/queues", max_rows=2), []
    for row in rows:
        if row.abandoned_s > subject.limits.overdue_s:
            problem = (
                f"the lease of {plural(row.abandoned, 'job')} of the {row.queue} has expired, "
                f"up to {row.abandoned_s:.0f} s ago"
            )
            why = "the worker has died, and no other has taken over"
            findings.append(Finding("warning", problem, why, (_WORKER,)))
    return Verdict("none has expired" if not findings else plural(len(findings), "queue"), findings)


async def stuck_document(subject: Subject) -> Verdict:
    """Finds documents that stay in processing because they have no job in the queue."""
    rows = await subject.database.many("doctor/documents_without_job", max_rows=_MAX_ROWS)
    if not rows:
        return Verdict("all have a job")
    longest = max(rows, key=lambda row: row.processing_s)
    problem = (
        f"{_many(len(rows), 'document')} processing without a job in the queue, "
        f"such as {longest.document_id} of user {longest.user_id}"
    )
    why = "no worker will ever process them; a job was deleted by hand, or only some tables were restored"
    return Verdict(
        f"{len(rows)} without a job", [Finding("fault", problem, why, tuple(row.fix for row in rows[:_SHOWN]))]
    )


async def orphaned_job(subject: Subject) -> Verdict:
    """Finds jobs whose document or conversation was deleted; a worker drops them when they are due."""
    rows = await subject.database.many("doctor/jobs_without_work", max_rows=_MAX_ROWS)
    late = [row for row in rows if row.overdue_s > subject.limits.overdue_s]
    if not late:
        return Verdict("none is orphaned")
    problem = f"{_many(len(late), 'job')} without a document or conversation to work on, such as {late[0].id}"
    why = "a worker drops such a job when it claims it, but none has claimed it for a while"
    return Verdict(f"{len(late)} orphaned", [Finding("note", problem, why, (_WORKER,))])


async def left_over(subject: Subject) -> Verdict:
    """Finds large deleted documents whose chunks have remained for a long time."""
    row = await subject.database.one("doctor/left_over")
    assert row is not None
    if row.oldest_s <= subject.limits.left_over_s:
        return Verdict(f"{plural(row.documents, 'document')} to erase", [])
    what = f"the chunks of {plural(row.documents, 'deleted document')} remain, the oldest for {row.oldest_s:.0f} s"
    why = "a worker erases them in batches; no worker runs, or its sweep fails, which its log reports"
    return Verdict(f"{plural(row.documents, 'document')} to erase", [Finding("warning", what, why, (_WORKER,))])


def _many(count: int, word: str) -> str:
    return (
        f"{_MAX_ROWS:,} {word}s or more are"
        if count == _MAX_ROWS
        else f"{plural(count, word)} {'is' if count == 1 else 'are'}"
    )


CHECKS = (
    Check("queue-age", "queues", "that jobs are claimed when they are due", queue_age),
    Check("expired-lease", "queues", "that another worker takes over when one dies", expired_lease),
    Check("stuck-document", "queues", "that every document in processing has a job", stuck_document),
    Check("orphaned-job", "queues", "that every job has a document or conversation", orphaned_job),
    Check("left-over", "queues", "that the chunks of deleted documents are erased", left_over),
)
