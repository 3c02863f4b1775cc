"""Checks of the server's settings, and of those of the service's connections."""

from __future__ import annotations

from svc.database import rows as r
from svc.database.connecting import pooler_remedy
from svc.database.session_check import lost_settings, required
from svc.database.session_settings import session_settings
from svc.doctor.checks import Check, Finding, Subject, Verdict, megabytes

_KIB_UNITS = {"B": 1 / 1024, "kB": 1, "8kB": 8, "MB": 1024, "GB": 1024**2}
# PostgreSQL's defaults, in MB.
_LEAST_MB = {"shared_buffers": 128, "work_mem": 4, "maintenance_work_mem": 64}
_MORE_CONNECTIONS = "lower CABINET_POOL_SIZE, or raise max_connections and restart the server"
_RESTART = {"shared_buffers", "max_connections"}
_LOOKED_AT = (
    *_LEAST_MB, "effective_cache_size", "random_page_cost", "jit", "autovacuum", "track_counts", "fsync",
    "full_page_writes", "max_connections", "superuser_reserved_connections", "reserved_connections",
    "idle_in_transaction_session_timeout",
)  # fmt: skip


async def session_settings_hold(subject: Subject) -> Verdict:
    """Finds settings that a connection pooler or a hook has removed."""
    wanted = required(session_settings(subject.settings))
    rows = await subject.searching.many("server/session_settings", names=list(wanted), max_rows=100)
    lost = lost_settings(rows, wanted)
    if not lost:
        return Verdict(f"all {len(wanted)} are in effect")
    why = "without them, searches silently lose rows, and statements get slow plans"
    fix = (pooler_remedy(wanted),)
    return Verdict(
        "; ".join(lost), [Finding("fault", f"settings of connections are not in effect: {'; '.join(lost)}", why, fix)]
    )


async def memory_settings(subject: Subject) -> Verdict:
    """Finds memory settings below PostgreSQL's defaults, and an effective_cache_size below shared_buffers."""
    settings = await _settings(subject)
    sizes = {name: _kib(settings[name]) for name in (*_LEAST_MB, "effective_cache_size")}
    seen = ", ".join(f"{name} {megabytes(kib * 1024)}" for name, kib in sizes.items())
    why = {
        "shared_buffers": "it caches the indexes of vectors; a quarter of the machine's memory is usual",
        "work_mem": "larger sorts and hashes spill to disk",
        "maintenance_work_mem": "vacuum scans every index again each time it is full",
    }
    findings = [
        Finding(
            "warning",
            f"{name} is {megabytes(sizes[name] * 1024)}",
            why[name],
            (await set_setting(subject, name, f"{least}MB"),),
        )
        for name, least in _LEAST_MB.items()
        if sizes[name] < least * 1024
    ]
    if sizes["effective_cache_size"] < sizes["shared_buffers"]:
        problem = f"effective_cache_size is {megabytes(sizes['effective_cache_size'] * 1024)}, less than shared_buffers"
        fix = await set_setting(subject, "effective_cache_size", f"{2 * sizes['shared_buffers'] // 1024:.0f}MB")
        findings.append(Finding("warning", problem, "the planner overestimates the cost of index scans", (fix,)))
    return Verdict(seen, findings)


async def planner_settings(subject: Subject) -> Verdict:
    """Finds a random_page_cost for rotating disks, and JIT compilation."""
    settings = await _settings(subject)
    cost, jit = float(settings["random_page_cost"].setting), settings["jit"].setting
    findings = []
    if cost > 2:
        why = "that is the cost for a rotating disk; on any other storage, the planner avoids indexes that are faster"
        findings.append(
            Finding(
                "warning",
                f"random_page_cost is {cost:g}",
                why,
                (await set_setting(subject, "random_page_cost", "1.1"),),
            )
        )
    if jit == "on":
        why = "the service turns it off for itself; in other sessions, compilation can take longer than the statement"
        findings.append(Finding("note", "jit is on", why, (await set_setting(subject, "jit", "off"),)))
    return Verdict(f"random_page_cost {cost:g}, jit {jit}", findings)


async def autovacuum(subject: Subject) -> Verdict:
    """Finds autovacuum, or the statistics that it needs, turned off."""
    settings = await _settings(subject)
    off = [name for name in ("autovacuum", "track_counts") if settings[name].setting == "off"]
    why = "dead rows are never removed, index-only scans visit the table, and transaction ids run out"
    return Verdict(
        "off" if off else "on",
        [Finding("fault", f"{name} is off", why, (await set_setting(subject, name, "on"),)) for name in off],
    )


async def durability(subject: Subject) -> Verdict:
    """Finds settings with which a power failure can destroy the database."""
    settings = await _settings(subject)
    off = [name for name in ("fsync", "full_page_writes") if settings[name].setting == "off"]
    why = "a power failure or a crash of the machine can destroy the database"
    return Verdict(
        ", ".join(f"{name} off" for name in off) or "on",
        [Finding("fault", f"{name} is off", why, (await set_setting(subject, name, "on"),)) for name in off],
    )


async def connections(subject: Subject) -> Verdict:
    """Finds a max_connections that is too low for two processes, which a rolling restart needs, or nearly reached."""
    settings = await _settings(subject)
    room = int(settings["max_connections"].setting) - sum(
        int(settings[name].setting)
        for name in ("superuser_reserved_connections", "reserved_connections")
        if name in settings
    )
    sessions = len(await subject.database.many("doctor/sessions", max_rows=1000))
    pool = subject.settings.pool_size + subject.settings.generic_pool_size + 1
    seen = f"{sessions} of {room}; a process uses up to {pool}"
    findings = []
    if room < 2 * pool:
        problem = f"max_connections allows {room} sessions; one process uses up to {pool}"
        why = "a second process, such as during a rolling restart, would be refused"
        findings.append(
            Finding(
                "warning", problem, why, ("lower CABINET_POOL_SIZE, or raise max_connections and restart the server",)
            )
        )
    elif sessions > 0.8 * room:
        problem = f"{sessions} of {room} possible sessions are in use"
        findings.append(Finding("warning", problem, "when all are in use, new ones are refused", (_MORE_CONNECTIONS,)))
    if settings["idle_in_transaction_session_timeout"].setting == "0":
        problem = "idle_in_transaction_session_timeout is 0"
        why = "the service ends its own idle transactions after a minute; any other one can block vacuum indefinitely"
        findings.append(
            Finding("note", problem, why, (await set_setting(subject, "idle_in_transaction_session_timeout", "10min"),))
        )
    return Verdict(seen, findings)


async def _settings(subject: Subject) -> dict[str, r.DoctorSettings]:
    rows = await subject.database.many("doctor/settings", names=list(_LOOKED_AT), max_rows=100)
    return {row.name: row for row in rows}


def _kib(row: r.DoctorSettings) -> float:
    assert row.unit is not None
    return float(row.setting) * _KIB_UNITS[row.unit]


async def set_setting(subject: Subject, name: str, value: str) -> str:
    """Returns the SQL with which an administrator changes a setting."""
    return await subject.database.value("doctor/fix_setting", name=name, value=value, restart=name in _RESTART)


CHECKS = (
    Check("session-settings", "settings", "the settings of the service's connections", session_settings_hold),
    Check(
        "memory-settings",
        "settings",
        "how much memory the server can use",
        memory_settings,
    ),
    Check("planner-settings", "settings", "the planner's cost settings", planner_settings),
    Check("autovacuum", "settings", "that autovacuum is on", autovacuum),
    Check("durability", "settings", "that committed transactions survive a crash", durability),
    Check(
        "connections",
        "settings",
        "that enough connections are allowed",
        connections,
    ),
)
