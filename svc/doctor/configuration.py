"""What the server is set to, and what a connection of the service gets of it."""

from __future__ import annotations

from svc.database import rows as r
from svc.database.connecting import pooler_remedy
from svc.database.pool import session_settings
from svc.database.session_check import lost_settings, required
from svc.doctor.checks import Check, Finding, Subject, Verdict, megabytes

_KIB_UNITS = {"B": 1 / 1024, "kB": 1, "8kB": 8, "MB": 1024, "GB": 1024**2}
# The sizes that PostgreSQL is installed with, in MB: less than these is less than it asks for itself.
_LEAST_MB = {"shared_buffers": 128, "work_mem": 4, "maintenance_work_mem": 64}
_RESTART = {"shared_buffers", "max_connections"}
_LOOKED_AT = (
    *_LEAST_MB, "effective_cache_size", "random_page_cost", "jit", "autovacuum", "track_counts", "fsync",
    "full_page_writes", "max_connections", "superuser_reserved_connections", "reserved_connections",
    "idle_in_transaction_session_timeout",
)  # fmt: skip


async def session_settings_hold(subject: Subject) -> Verdict:
    """A pooler between, or a hook, that drops what a session asks for at its start."""
    wanted = required(session_settings(subject.settings))
    rows = await subject.searching.many("server/session_settings", names=list(wanted), max_rows=100)
    lost = lost_settings(rows, wanted)
    if not lost:
        return Verdict(f"all {len(wanted)} hold")
    why = "without them searches lose rows without a word and statements get slow plans"
    mend = (pooler_remedy(wanted),)
    return Verdict(
        "; ".join(lost), [Finding("fault", f"a connection is not as it was opened: {'; '.join(lost)}", why, mend)]
    )


async def memory_settings(subject: Subject) -> Verdict:
    """No less than PostgreSQL is installed with, and a cache that the planner believes in."""
    settings = await _settings(subject)
    sizes = {name: _kib(settings[name]) for name in (*_LEAST_MB, "effective_cache_size")}
    seen = ", ".join(f"{name} {megabytes(kib * 1024)}" for name, kib in sizes.items())
    why = {
        "shared_buffers": "the indexes of the vectors are read from it; a quarter of the machine's memory is usual",
        "work_mem": "sorts and hashes beyond it go to disk",
        "maintenance_work_mem": "vacuum reads every index again each time it is full",
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
        what = f"effective_cache_size is {megabytes(sizes['effective_cache_size'] * 1024)}, less than shared_buffers"
        mend = await set_setting(subject, "effective_cache_size", f"{2 * sizes['shared_buffers'] // 1024:.0f}MB")
        findings.append(Finding("warning", what, "the planner takes index scans for dearer than they are", (mend,)))
    return Verdict(seen, findings)


async def planner_settings(subject: Subject) -> Verdict:
    """Costs of a disk that seeks, and a compiler that takes longer than the statements."""
    settings = await _settings(subject)
    cost, jit = float(settings["random_page_cost"].setting), settings["jit"].setting
    findings = []
    if cost > 2:
        why = "that is the cost of a disk that seeks: on any other the planner passes indexes by"
        findings.append(
            Finding(
                "warning",
                f"random_page_cost is {cost:g}",
                why,
                (await set_setting(subject, "random_page_cost", "1.1"),),
            )
        )
    if jit == "on":
        why = "the service turns it off for itself; in other sessions compiling can take longer than the statement"
        findings.append(Finding("note", "jit is on", why, (await set_setting(subject, "jit", "off"),)))
    return Verdict(f"random_page_cost {cost:g}, jit {jit}", findings)


async def autovacuum(subject: Subject) -> Verdict:
    """On, and with the counts that it goes by."""
    settings = await _settings(subject)
    off = [name for name in ("autovacuum", "track_counts") if settings[name].setting == "off"]
    why = "dead rows are never taken away, index-only scans visit the table, and the server stops in the end"
    return Verdict(
        "off" if off else "on",
        [Finding("fault", f"{name} is off", why, (await set_setting(subject, name, "on"),)) for name in off],
    )


async def durability(subject: Subject) -> Verdict:
    """Nothing that loses the database at a power cut."""
    settings = await _settings(subject)
    off = [name for name in ("fsync", "full_page_writes") if settings[name].setting == "off"]
    why = "a crash of the machine can destroy the database"
    return Verdict(
        ", ".join(f"{name} off" for name in off) or "on",
        [Finding("fault", f"{name} is off", why, (await set_setting(subject, name, "on"),)) for name in off],
    )


async def connections(subject: Subject) -> Verdict:
    """Room for this process's pool twice over, so that servers can be replaced one by one, and for who is there now."""
    settings = await _settings(subject)
    room = int(settings["max_connections"].setting) - sum(
        int(settings[name].setting)
        for name in ("superuser_reserved_connections", "reserved_connections")
        if name in settings
    )
    sessions = len(await subject.database.many("doctor/sessions", max_rows=1000))
    pool = subject.settings.pool_size + 1
    seen = f"{sessions} of {room}, a process takes up to {pool}"
    findings = []
    if room < 2 * pool:
        what = f"max_connections leaves room for {room} sessions; one process takes up to {pool}"
        why = "a second process, as while servers are replaced, would be refused"
        findings.append(
            Finding("warning", what, why, ("lower CABINET_POOL_SIZE, or raise max_connections and restart the server",))
        )
    elif sessions > 0.8 * room:
        what = f"{sessions} of {room} sessions are taken"
        findings.append(Finding("warning", what, "when none is left, new ones are refused", (
            "lower CABINET_POOL_SIZE, or raise max_connections and restart the server",
        )))  # fmt: skip
    if settings["idle_in_transaction_session_timeout"].setting == "0":
        what = "idle_in_transaction_session_timeout is 0"
        why = (
            "the service ends its own idle transactions after a minute; one of anybody else holds vacuum back for ever"
        )
        findings.append(
            Finding("note", what, why, (await set_setting(subject, "idle_in_transaction_session_timeout", "10min"),))
        )
    return Verdict(seen, findings)


async def _settings(subject: Subject) -> dict[str, r.DoctorSettings]:
    rows = await subject.database.many("doctor/settings", names=list(_LOOKED_AT), max_rows=100)
    return {row.name: row for row in rows}


def _kib(row: r.DoctorSettings) -> float:
    assert row.unit is not None
    return float(row.setting) * _KIB_UNITS[row.unit]


async def set_setting(subject: Subject, name: str, value: str) -> str:
    """What an administrator runs to change a setting."""
    return await subject.database.value("doctor/mend_setting", name=name, value=value, restart=name in _RESTART)


CHECKS = (
    Check("session-settings", "settings", "what the service's connections are set to", session_settings_hold),
    Check(
        "memory-settings",
        "settings",
        "how much memory the server may use",
        memory_settings,
    ),
    Check("planner-settings", "settings", "what the planner is told of costs", planner_settings),
    Check("autovacuum", "settings", "that autovacuum is on", autovacuum),
    Check("durability", "settings", "that what was committed survives a crash", durability),
    Check(
        "connections",
        "settings",
        "that there is room for connections",
        connections,
    ),
)
