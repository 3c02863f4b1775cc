"""The releases of PostgreSQL and pgvector."""

from __future__ import annotations

from svc.database import rows as r
from svc.database.versions import OLDEST_SERVER, OLDEST_VECTOR, parse_version
from svc.doctor.checks import Check, Finding, Subject, Verdict

# The minor releases that the tests run on (18.4 and 16.14 are embedded), and the one of 17 of the same day.
_TESTED_MINORS = {16: 14, 17: 10, 18: 4}
# These two changed a structure that extensions compiled for others of their major use; withdrawn within a week.
_WITHDRAWN = {(16, 5), (17, 1)}
# What the releases of pgvector mended that Cabinet would meet, newest first.
_VECTOR_FAULTS = (
    ((0, 8, 5), "takes more memory than allowed to build IVFFlat indexes"),
    ((0, 8, 4), "vacuum of an HNSW index can fail with “hnsw graph not repaired”"),
    ((0, 8, 3), "vacuum beside inserts can corrupt an HNSW index"),
    ((0, 8, 2), "a parallel build of an HNSW index can overflow a buffer (CVE-2026-3172)"),
    ((0, 8, 0), "has no iterative scans: a filtered search of an index loses rows without a word"),
)


async def postgresql_version(subject: Subject) -> Verdict:
    """Of a major release that is supported, and no older minor than was tested."""
    return judge_server((await _server(subject)).server_version_num)


def judge_server(version_number: int) -> Verdict:
    """What there is to say of a release, such as 180004 for 18.4."""
    major, minor = divmod(version_number, 10_000)
    seen = f"PostgreSQL {major}.{minor}"
    if major < OLDEST_SERVER:
        why = f"Cabinet's statements are written for {OLDEST_SERVER} and later; the service refuses to start"
        return Verdict(
            seen, [Finding("fault", f"{seen} is too old", why, (f"upgrade to PostgreSQL {max(_TESTED_MINORS)}",))]
        )
    if major not in _TESTED_MINORS:
        why = f"no test has run on it; tested are {', '.join(map(str, _TESTED_MINORS))}"
        return Verdict(seen, [Finding("note", f"{seen} is newer than this release of Cabinet knows", why)])
    mend = (f"install the newest minor release of {major} and restart the server; the data stays as it is",)
    if (major, minor) in _WITHDRAWN:
        why = "it was withdrawn within a week: extensions compiled for other minors of its major can crash on it"
        return Verdict(seen, [Finding("warning", f"{seen} was withdrawn", why, mend)])
    if minor < _TESTED_MINORS[major]:
        why = f"minor releases mend faults and nothing else; {major}.{_TESTED_MINORS[major]} is the oldest tested"
        return Verdict(seen, [Finding("note", f"{seen} lacks minor releases", why, mend)])
    return Verdict(seen)


async def pgvector_version(subject: Subject) -> Verdict:
    """No release with a fault that Cabinet would meet, and the one that the server's files are of."""
    row = await _server(subject)
    installed, available = row.vector_version, row.vector_available
    if installed is None:
        mend = (row.create_vector,) if available else ("install the package of pgvector on the server",)
        return Verdict("none", [Finding("fault", "pgvector is not installed", "the vectors need it", mend)])
    update = row.update_vector
    if parse_version(installed) < OLDEST_VECTOR:
        why = "; ".join(text for version, text in _VECTOR_FAULTS if parse_version(installed) < version)
        needed = ".".join(map(str, OLDEST_VECTOR))
        is_there = available is not None and parse_version(available) >= OLDEST_VECTOR
        first: tuple[str, ...] = () if is_there else (f"install pgvector {needed} or later on the server",)
        return Verdict(installed, [Finding("fault", f"pgvector {installed} has known faults", why, (*first, update))])
    if available and parse_version(available) > parse_version(installed):
        what = f"pgvector {available} is on the server, this database is still at {installed}"
        why = "the code of the new release runs with the functions of the old one"
        return Verdict(installed, [Finding("warning", what, why, (update,))])
    return Verdict(installed)


async def _server(subject: Subject) -> r.DoctorServer:
    row = await subject.database.one("doctor/server")
    assert row is not None
    return row


CHECKS = (
    Check("postgresql-version", "versions", "the release of PostgreSQL", postgresql_version),
    Check("pgvector-version", "versions", "the release of pgvector", pgvector_version),
)
