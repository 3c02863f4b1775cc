"""Invented migrations of a later release, so that tests of upgrades do not depend on the real migrations."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

from svc.migrations.files import migration_ids
from svc.resources import resource_folder

RELEASED = migration_ids()
_NUMBER = int(RELEASED[-1][:4])
COLUMNS = f"{_NUMBER + 1:04}.archived"
"""A migration in one transaction, whose rollback needs the strongest lock on tables that others read."""
INDEXES = f"{_NUMBER + 2:04}.archived_indexes"
"""A migration that builds two indexes concurrently."""
ADDED = [COLUMNS, INDEXES]
ALL = [*RELEASED, *ADDED]

_HEADER = """\
-- Why: documents and conversations can be archived.
-- Lock: {lock}
-- On 10M rows: {duration}
-- Serves: documents/list, conversations/list
-- Rollback loses: when they were archived.
-- depends: {depends}
"""
_FILES = {
    f"{COLUMNS}.sql": _HEADER.format(
        lock="ACCESS EXCLUSIVE on documents, then on conversations, each for a moment: no row is read or written.",
        duration="milliseconds.",
        depends=RELEASED[-1],
    )
    + """\
alter table documents add column archived_at timestamptz;
alter table conversations add column archived_at timestamptz;
""",
    f"{COLUMNS}.rollback.sql": """\
alter table conversations drop column archived_at;
alter table documents drop column archived_at;
""",
    f"{INDEXES}.sql": _HEADER.format(
        lock="SHARE UPDATE EXCLUSIVE on documents, then on conversations, while the index of each is built.",
        duration="about forty seconds.",
        depends=COLUMNS,
    )
    + """\
-- transactional: false
drop index concurrently if exists documents_archived_idx;
create index concurrently if not exists documents_archived_idx on documents (user_id, archived_at);
drop index concurrently if exists conversations_archived_idx;
create index concurrently if not exists conversations_archived_idx on conversations (user_id, archived_at);
""",
    f"{INDEXES}.rollback.sql": """\
drop index concurrently if exists conversations_archived_idx;
drop index concurrently if exists documents_archived_idx;
""",
}

MIGRATE = """
import asyncio, sys
from pathlib import Path
from svc.migrations import files as migration_files
from svc.migrations.migrate import apply_migrations
from svc.settings import Settings

Settings.model_config["env_file"] = None
url, folder = sys.argv[1], Path(sys.argv[2])
migration_files.resource_folder = lambda _name: folder
"""
"""The beginning of a program that applies the migrations of the folder in its second argument; the first is the URL."""


def add_migrations(folder: Path) -> Path:
    """A copy of the released migrations in `folder`, with the added ones."""
    copytree(resource_folder("migrations"), folder)
    for name, text in _FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
