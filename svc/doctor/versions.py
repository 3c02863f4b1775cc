"""Checks of the versions of PostgreSQL and pgvector."""

from __future__ import annotations

from svc.database import rows as r
from svc.database.versions import OLDEST_SERVER, OLDEST_VECTOR, parse_version
from svc.doctor.checks import Check, Finding, Subject, Verdict

# The minor releases that the tests use (18.4 and 16.14 are embedded), and that of 17 from the same day.
_TESTED_MINORS = {16: 14, 17: 10, 18: 4}
# These releases changed a structure that extensions compiled for other minor releases use, and were soon replaced.
_WITHDRAWN = {(16, 5), (17, 1)}
# The bugs that pgvector's releases fixed and that affect Cabinet, newest first.
_VECTOR_FAULTS = (
    ((0, 8, 5), "takes more memory than allowed to build IVFFlat indexes"),
    ((0, 8, 4), "vacuum of an HNSW index can fail with “hnsw graph not repaired”"),
    ((0, 8, 3), "vacuum concurrent with inserts can corrupt an HNSW index"),
    ((0, 8, 2), "a parallel build of an HNSW index can overflow a buffer (CVE-2026-3172)"),
    ((0, 8, 0), "has no iterative scans: a filtered search of an index silently loses rows"),
)


async def postgresql_version(subject: Subject) -> Verdict:
    """Finds an unsupported major version, and a minor version older than the tested one."""
    return judge_server((await _server(subject)).server_version_num)


def judge_server(version_number: int) -> Verdict:
    """Check a version of PostgreSQL, such as 180004 for 18.4."""
    major, minor = divmod(version_number, 10_000)
    seen = f"PostgreSQL {major}.{minor}"
    if major < OLDEST_SERVER:
        why = f"Cabinet's statements are written for {OLDEST_SERVER} and later; the service refuses to start"
        return Verdict(
            seen, [Finding("fault", f"{seen} is too old", why, (f"upgrade to PostgreSQL {max(_TESTED_MINORS)}",))]
        )
    if major not in _TESTED_MINORS:
        why = f"it was not tested; the tested versions are {', '.join(map(str, _TESTED_MINORS))}"
        return Verdict(seen, [Finding("note", f"{seen} is newer than this release of Cabinet knows", why)])
    fix = (f"install the newest minor release of {major} and restart the server; the data is not changed",)
    if (major, minor) in _WITHDRAWN:
        why = "it was replaced within a week: extensions compiled for other minor releases can crash on it"
        return Verdict(seen, [Finding("warning", f"{seen} was withdrawn", why, fix)])
    if minor < _TESTED_MINORS[major]:
        why = f"minor releases only fix bugs; {major}.{_TESTED_MINORS[major]} is the oldest tested one"
        return Verdict(seen, [Finding("note", f"{seen} lacks minor releases", why, fix)])
    return Verdict(seen)


async def pgvector_version(subject: Subject) -> Verdict:
    """Finds a version with bugs that affect Cabinet, and one that differs from the files on the server."""
    row = await _server(subject)
    installed, available = row.vector_version, row.vector_available
    if installed is None:
        fix = (row.create_vector,) if available else ("install the pgvector package on the server",)
        return Verdict("none", [Finding("fault", "pgvector is not installed", "vectors require it", fix)])
    update = row.update_vector
    if parse_version(installed) < OLDEST_VECTOR:
        why = "; ".join(text for version, text in _VECTOR_FAULTS if parse_version(installed) < version)
        needed = ".".join(map(str, OLDEST_VECTOR))
        is_there = available is not None and parse_version(available) >= OLDEST_VECTOR
        first: tuple[str, ...] = () if is_there else (f"install pgvector {needed} or later on the server",)
        return Verdict(installed, [Finding("fault", f"pgvector {installed} has known bugs", why, (*first, update))])
    if available and parse_version(available) > parse_version(installed):
        problem = f"pgvector {available} is on the server, but this database still has {installed}"
        why = "the code of the new release runs with the functions of the old one"
        return Verdict(installed, [Finding("warning", problem, why, (update,))])
    return Verdict(installed)


async def _server(subject: Subject) -> r.DoctorServer:
    row = await subject.database.one("doctor/server")
    assert row is not None
    return row


CHECKS = (
    Check("postgresql-version", "versions", "the release of PostgreSQL", postgresql_version),
    Check("pgvector-version", "versions", "the release of pgvector", pgvector_version),
)
