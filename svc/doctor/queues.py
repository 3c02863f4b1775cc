"""The queues: what waits too long, what a dead worker held, and what nobody will ever take up."""

from __future__ import annotations

from svc.doctor.checks import Check, Finding, Subject, Verdict, plural

_MAX_ROWS = 1000
_SHOWN = 20
_WORKER = "start one: cabinet worker, or cabinet serve with CABINET_WORKER_CONCURRENCY above 0"


async def queue_age(subject: Subject) -> Verdict:
    """No job that nobody holds is overdue for long."""
    rows, findings = await subject.database.many("doctor/queues", max_rows=2), []
    for row in rows:
        if row.waiting_s > subject.limits.overdue_s:
            what = f"the queue of the {row.queue} ({plural(row.jobs, 'job')}) is {row.waiting_s:.0f} s behind"
            why = "no worker runs, or they are too few"
            findings.append(Finding("warning", what, why, (_WORKER,)))
    return Verdict(", ".join(f"{row.queue}: {plural(row.jobs, 'job')}" for row in rows) or "empty", findings)


async def expired_lease(subject: Subject) -> Verdict:
    """No job is held by a worker whose lease ran out long ago."""
    rows, findings = await subject.database.many("doctor/queues", max_rows=2), []
    for row in rows:
        if row.abandoned_s > subject.limits.overdue_s:
            what = (
                f"{plural(row.abandoned, 'job')} of the {row.queue} have a worker whose lease ran out, "
                f"up to {row.abandoned_s:.0f} s ago"
            )
            why = "the worker has died, and there is no other to go on"
            findings.append(Finding("warning", what, why, (_WORKER,)))
    return Verdict("none waits" if not findings else plural(len(findings), "queue"), findings)


async def stuck_document(subject: Subject) -> Verdict:
    """Processing for ever, since no job is in the queue."""
    rows = await subject.database.many("doctor/documents_without_job", max_rows=_MAX_ROWS)
    if not rows:
        return Verdict("all have one")
    longest = max(rows, key=lambda row: row.processing_s)
    what = (
        f"{_many(len(rows), 'document')} processing without a job in the queue, "
        f"such as {longest.document_id} of user {longest.user_id}"
    )
    why = "no worker will ever take them up; a job was deleted by hand, or only some tables were restored"
    return Verdict(f"{len(rows)} without", [Finding("fault", what, why, tuple(row.mend for row in rows[:_SHOWN]))])


async def orphaned_job(subject: Subject) -> Verdict:
    """Jobs of what is gone; a worker drops them when they are due."""
    rows = await subject.database.many("doctor/jobs_without_work", max_rows=_MAX_ROWS)
    late = [row for row in rows if row.overdue_s > subject.limits.overdue_s]
    if not late:
        return Verdict("all have")
    what = f"{_many(len(late), 'job')} without a document or conversation to work on, such as {late[0].id}"
    why = "the worker that claims one drops it; none has for a while"
    return Verdict(f"{len(late)} orphaned", [Finding("note", what, why, (_WORKER,))])


def _many(count: int, word: str) -> str:
    return (
        f"{_MAX_ROWS:,} {word}s or more are"
        if count == _MAX_ROWS
        else f"{plural(count, word)} {'is' if count == 1 else 'are'}"
    )


CHECKS = (
    Check("queue-age", "queues", "that jobs are taken up when they are due", queue_age),
    Check("expired-lease", "queues", "that another worker goes on where one has died", expired_lease),
    Check("stuck-document", "queues", "that every document in work has a job", stuck_document),
    Check("orphaned-job", "queues", "that every job has something to do", orphaned_job),
)
