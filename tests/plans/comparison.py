"""Compares the plans of a statement with its plan file."""

from __future__ import annotations

from pathlib import Path

from svc.database.statements import Statement
from svc.errors import InvalidRequestError
from svc.plans.baselines import Recorder
from svc.plans.files import PlanFile, plan_path, read_plan_file
from svc.plans.shape import difference
from tests.sql.checker import ROOT

BASELINES = ROOT / "tests/plans/baselines"
# The tables that grow with the tenants and their data, which are never read completely.
LARGE_TABLES = {
    "api_keys", "chunk_vectors", "chunks", "conversation_documents", "conversations", "document_contents", "documents",
    "idempotency_keys", "ingestion_jobs", "message_jobs", "message_vectors", "messages", "usage_days", "users",
    "tenant_totals", "chunk_terms", "message_terms", "term_stats", "collections",
    "collection_files", "file_batches", "collection_readers", "file_parts", "uploads", "upload_parts", "upload_bytes",
}  # fmt: skip


def plan_file(statement: Statement, folder: Path = BASELINES) -> PlanFile:
    """The plan file of a statement; the error explains how to make one."""
    path = plan_path(folder, statement.name)
    assert path.exists(), (
        f"sql/{statement.name}.sql has no plan file: write {path.relative_to(ROOT)} with the arguments of an example "
        f"(see tests/plans/README.md), then run: make baseline ARGS={statement.name}"
    )
    return read_plan_file(path)


async def differences(recorder: Recorder, statement: Statement, file: PlanFile) -> str:
    """The differences between a statement's plans and the recorded ones: a diff for each case and kind, or nothing."""
    try:
        seen = await recorder.shapes(statement, file)
    except InvalidRequestError as error:
        # For example, ON CONFLICT without its unique index.
        return f"{file.path}: there is no plan: {error.detail}"
    told = []
    for case in file.cases:
        for kind, now in seen[case.name].items():
            recorded = case.shape(kind, recorder.server_version)
            lines = "it is not recorded" if recorded is None else difference(recorded, now)
            if lines:
                told.append(f"{file.path}, case {case.name}, {kind} plan:\n{lines}")
    return "\n\n".join(told)
