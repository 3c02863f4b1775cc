"""The order of the test files, and the files that only `make test-slow` runs.

The longest files come first, since otherwise one of them would run alone at the end: pytest-xdist gives each process
the next file of the list when it has almost finished its last one.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

# Approximate seconds on an idle machine; a file that is not listed takes a tenth of a second for each test.
SECONDS = {
    "tests/bench/test_conversations.py": 14,
    "tests/bench/test_growth.py": 13,
    "tests/bench/test_http.py": 32,
    "tests/bench/test_ingest.py": 34,
    "tests/bench/test_search.py": 29,
    "tests/bench/test_versions.py": 20,
    "tests/calibration/test_crossover.py": 16,
    "tests/campaigns/test_chaos.py": 60,
    "tests/campaigns/test_strangers.py": 20,
    "tests/catalogue/test_list.py": 15,
    "tests/catalogue/test_report.py": 20,
    "tests/database/test_broken_network.py": 17,
    "tests/database/test_killed_migrations.py": 15,
    "tests/database/test_migrate.py": 30,
    "tests/database/test_migration_data.py": 12,
    "tests/embedded/test_backup.py": 40,
    "tests/embedded/test_server.py": 35,
    "tests/embedded/test_supervision.py": 10,
    "tests/embedded/test_termination.py": 14,
    "tests/embedding/test_cache.py": 15,
    "tests/ingest/test_chunk.py": 28,
    "tests/ingest/test_sandbox.py": 20,
    "tests/ingest/test_worker.py": 40,
    "tests/jobs/test_stopped_workers.py": 60,
    "tests/plans/test_baselines.py": 60,
    "tests/routes/test_broken_network.py": 25,
    "tests/routes/test_naughty_strings.py": 40,
    "tests/routes/test_overload.py": 15,
    "tests/routes/test_row_security.py": 40,
    "tests/routes/test_tenancy.py": 35,
    "tests/search/test_freshness.py": 20,
    "tests/search/test_killed_builds.py": 130,
    "tests/search/test_properties.py": 25,
    "tests/sql/test_migrations.py": 25,
    "tests/sql/test_mutants.py": 80,
    "tests/sql/test_planted.py": 17,
    "tests/terms/test_storing.py": 20,
    "tests/test_demo.py": 50,
    "tests/test_documented_commands.py": 180,
    "tests/test_fuzz.py": 17,
    "tests/test_logs.py": 15,
    "tests/test_packaging.py": 30,
    "tests/test_printed.py": 30,
    "tests/test_sigterm.py": 80,
    "tests/test_watchdog.py": 45,
    "tests/test_worker_status.py": 10,
    "tests/web/test_loop_lag.py": 52,
    "tests/wire/test_deadlines.py": 15,
}

# Files whose tests kill, wait, build, measure, plant faults, compare plans or run the documentation's commands for a
# long time. `make test` skips them.
SLOW = {
    "tests/calibration/test_crossover.py",
    "tests/campaigns/test_chaos.py",
    "tests/campaigns/test_strangers.py",
    "tests/catalogue/test_report.py",
    "tests/database/test_broken_network.py",
    "tests/database/test_killed_migrations.py",
    "tests/database/test_migrate.py",
    "tests/database/test_migration_data.py",
    "tests/doctor/test_contents.py",
    "tests/doctor/test_recall.py",
    "tests/doctor/test_schema.py",
    "tests/embedded/test_backup.py",
    "tests/embedded/test_server.py",
    "tests/embedded/test_supervision.py",
    "tests/embedded/test_termination.py",
    "tests/jobs/test_stopped_workers.py",
    "tests/plans/test_baselines.py",
    "tests/routes/test_broken_network.py",
    "tests/routes/test_naughty_strings.py",
    "tests/routes/test_overload.py",
    "tests/routes/test_row_security.py",
    "tests/search/test_freshness.py",
    "tests/search/test_killed_builds.py",
    "tests/search/test_properties.py",
    "tests/sql/test_mutants.py",
    "tests/sql/test_planted.py",
    "tests/tenants/test_moving.py",
    "tests/terms/test_storing.py",
    "tests/test_demo.py",
    "tests/test_documented_commands.py",
    "tests/test_fuzz.py",
    "tests/test_packaging.py",
    "tests/test_printed.py",
    "tests/test_sigterm.py",
    "tests/test_tracing.py",
    "tests/test_watchdog.py",
    "tests/test_worker_status.py",
    "tests/web/test_loop_lag.py",
}
SLOW_FOLDERS = ("tests/bench/",)
# Files and folders with both: tests with `pytest.mark.slow` repeat, in more forms or more often, what another
# test in `make test` checks once.
PARTLY_SLOW = {
    "tests/campaigns/test_soak.py",
    "tests/clients/openai/",
    "tests/clients/test_mcp.py",
    "tests/filters/test_evaluation.py",
    "tests/ingest/test_sandbox.py",
    "tests/routes/test_transfers.py",
    "tests/sql/test_prepare.py",
}


def is_left_out(path: Path, root: Path, markers: str) -> bool:
    """Whether these markers exclude all tests of a file or folder, so that it need not be imported."""
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else ""
    if not path.name.startswith("test_"):
        return markers == "not slow" and f"{name}/" in SLOW_FOLDERS
    if name.startswith(tuple(PARTLY_SLOW)):
        return False
    return (markers == "slow" and not _is_slow(name)) or (markers == "not slow" and _is_slow(name))


def mark_slow(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files, for `pytest -m slow` and `pytest -m "not slow"`."""
    for item in items:
        if _is_slow(_file(item)):
            item.add_marker(pytest.mark.slow)


def sort_longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by the time of their files; the tests of a file stay together and in order."""
    counts = Counter(_file(item) for item in items)
    items.sort(key=lambda item: (-SECONDS.get(_file(item), counts[_file(item)] / 10), _file(item)))


def _is_slow(file: str) -> bool:
    return file in SLOW or file.startswith(SLOW_FOLDERS)


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
