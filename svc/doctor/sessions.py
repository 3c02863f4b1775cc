"""Checks of the sessions: idle and long transactions, waits for locks, and logins with too many privileges."""

from __future__ import annotations

from collections.abc import Sequence

from svc.database import rows as r
from svc.doctor.checks import Check, Finding, Subject, Verdict, plural

# The application_name of the service and its workers (svc/database/session_settings.py).
_SERVICE = "cabinet"


async def idle_transaction(subject: Subject) -> Verdict:
    """Finds sessions that have been idle in a transaction for long."""
    findings = []
    for row in await _sessions(subject):
        is_idle = (row.state or "").startswith("idle in transaction")
        if is_idle and (row.state_s or 0) > subject.limits.idle_in_transaction_s:
            problem = f"{_name(row)} has been idle in a transaction for {row.state_s:.0f} s, after {_ran(row)}"
            why = "vacuum cannot remove rows that died since it began, and its locks stay held"
            findings.append(Finding("warning", problem, why, (row.terminate,)))
    return Verdict("none" if not findings else plural(len(findings), "session"), findings)


async def long_transaction(subject: Subject) -> Verdict:
    """Finds sessions that have been active in one transaction for long, except builds of indexes."""
    findings = []
    for row in await _sessions(subject):
        is_building = row.application_name == "cabinet index"
        if row.state == "active" and not is_building and (row.transaction_s or 0) > subject.limits.long_transaction_s:
            problem = f"{_name(row)} runs {_ran(row)} in a transaction that began {row.transaction_s:.0f} s ago"
            why = "vacuum cannot remove rows that died since it began"
            findings.append(Finding("warning", problem, why, (row.cancel,)))
    return Verdict("none" if not findings else plural(len(findings), "session"), findings)


async def blocked_session(subject: Subject) -> Verdict:
    """Finds sessions that wait for a lock, and the sessions that block them."""
    rows = await _sessions(subject)
    by_pid, findings = {row.pid: row for row in rows}, []
    for row in rows:
        if row.blocked_by and (row.state_s or 0) > subject.limits.blocked_s:
            blockers = [by_pid[pid] for pid in row.blocked_by if pid in by_pid]
            names = ", ".join(f"{_name(one)} ({one.state}, {_ran(one)})" for one in blockers) or "another database's"
            problem = f"{_name(row)} has been waiting for {row.state_s:.0f} s with {_ran(row)}, for {names}"
            fix = tuple(one.terminate for one in blockers)
            findings.append(Finding("warning", problem, "later sessions queue behind it", fix))
    return Verdict("none" if not findings else plural(len(findings), "session"), findings)


async def service_role(subject: Subject) -> Verdict:
    """Finds sessions of the service that are connected as a superuser or as the owner of its tables."""
    rows = [row for row in await _sessions(subject) if row.application_name == _SERVICE]
    findings = []
    for user in sorted({row.user_name for row in rows if row.is_superuser or row.is_owner}):
        is_superuser = any(row.is_superuser for row in rows if row.user_name == user)
        problem = f"the service is connected as {user}, {'a superuser' if is_superuser else 'which owns its tables'}"
        why = "a bug in it could drop tables, read files on the server, or break the separation of tenants"
        fix = ("cabinet roles, which prints the SQL for a separate role",)
        findings.append(Finding("warning", problem, why, fix))
    return Verdict(plural(len(rows), "session") + " of the service", findings)


async def _sessions(subject: Subject) -> Sequence[r.DoctorSessions]:
    return await subject.database.many("doctor/sessions", max_rows=1000)


def _name(row: r.DoctorSessions) -> str:
    return f"session {row.pid} of {row.user_name} ({row.application_name or 'no name'})"


def _ran(row: r.DoctorSessions) -> str:
    return row.statement or "a statement that is not Cabinet's"


CHECKS = (
    Check("idle-transaction", "sessions", "that no session is idle in a transaction for long", idle_transaction),
    Check("long-transaction", "sessions", "that no statement runs for very long", long_transaction),
    Check("blocked-session", "sessions", "that no session waits long for another's lock", blocked_session),
    Check("service-role", "sessions", "that the service is neither a superuser nor the owner", service_role),
)
