"""Who else is connected: idle transactions, long ones, waits for locks, and logins that may do too much."""

from __future__ import annotations

from collections.abc import Sequence

from svc.database import rows as r
from svc.doctor.checks import Check, Finding, Subject, Verdict, plural

# How the service and its workers call themselves (svc/database/pool.py).
_SERVICE = "cabinet"


async def idle_transaction(subject: Subject) -> Verdict:
    """Idle in one for long."""
    findings = []
    for row in await _sessions(subject):
        is_idle = (row.state or "").startswith("idle in transaction")
        if is_idle and (row.state_s or 0) > subject.limits.idle_in_transaction_s:
            what = f"{_who(row)} is idle in a transaction since {row.state_s:.0f} s, after {_ran(row)}"
            why = "vacuum keeps every row that died since, and locks that it took stay taken"
            findings.append(Finding("warning", what, why, (row.terminate,)))
    return Verdict("none does" if not findings else plural(len(findings), "session"), findings)


async def long_transaction(subject: Subject) -> Verdict:
    """At work in one transaction for long, other than to build an index."""
    findings = []
    for row in await _sessions(subject):
        is_building = row.application_name == "cabinet index"
        if row.state == "active" and not is_building and (row.transaction_s or 0) > subject.limits.long_transaction_s:
            what = f"{_who(row)} runs {_ran(row)}, in a transaction of {row.transaction_s:.0f} s"
            why = "vacuum keeps every row that died since"
            findings.append(Finding("warning", what, why, (row.cancel,)))
    return Verdict("none does" if not findings else plural(len(findings), "session"), findings)


async def blocked_session(subject: Subject) -> Verdict:
    """Who waits, and who lets them."""
    rows = await _sessions(subject)
    by_pid, findings = {row.pid: row for row in rows}, []
    for row in rows:
        if row.blocked_by and (row.state_s or 0) > subject.limits.blocked_s:
            blockers = [by_pid[pid] for pid in row.blocked_by if pid in by_pid]
            names = ", ".join(f"{_who(one)} ({one.state}, {_ran(one)})" for one in blockers) or "another database's"
            what = f"{_who(row)} waits since {row.state_s:.0f} s with {_ran(row)}, for {names}"
            mend = tuple(one.terminate for one in blockers)
            findings.append(Finding("warning", what, "all who come after it wait too", mend))
    return Verdict("none does" if not findings else plural(len(findings), "session"), findings)


async def service_role(subject: Subject) -> Verdict:
    """Of the service's sessions that are there now."""
    rows = [row for row in await _sessions(subject) if row.application_name == _SERVICE]
    findings = []
    for user in sorted({row.user_name for row in rows if row.is_superuser or row.is_owner}):
        is_superuser = any(row.is_superuser for row in rows if row.user_name == user)
        what = f"the service is connected as {user}, {'a superuser' if is_superuser else 'who owns its tables'}"
        why = "a fault in it could drop tables, read files of the server or end the walls between tenants"
        mend = ("cabinet roles: the SQL for a role of its own",)
        findings.append(Finding("warning", what, why, mend))
    return Verdict(plural(len(rows), "session") + " of the service", findings)


async def _sessions(subject: Subject) -> Sequence[r.DoctorSessions]:
    return await subject.database.many("doctor/sessions", max_rows=1000)


def _who(row: r.DoctorSessions) -> str:
    return f"session {row.pid} of {row.user_name} ({row.application_name or 'no name'})"


def _ran(row: r.DoctorSessions) -> str:
    return row.statement or "a statement that is not Cabinet's"


CHECKS = (
    Check("idle-transaction", "sessions", "that no session stays in a transaction", idle_transaction),
    Check("long-transaction", "sessions", "that no statement runs for very long", long_transaction),
    Check("blocked-session", "sessions", "that no session waits long for another's lock", blocked_session),
    Check("service-role", "sessions", "that the service is neither superuser nor owner of its tables", service_role),
)
