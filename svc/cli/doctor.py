"""`cabinet doctor`: finds problems of a database and prints their fixes."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.markup import escape

from svc.cli.environment import DATABASE_OPTIONS, POOL_OPTIONS, database_url, run, settings_options
from svc.cli.output import echo_json
from svc.cli.sections import Command
from svc.doctor.checks import plural
from svc.doctor.examination import STATUSES, Outcome, Status, chosen_checks, examine, opened_subject
from svc.printable import printable
from svc.settings import Settings

EXIT_CODES: dict[Status, int] = {"ok": 0, "note": 0, "warning": 1, "fault": 2, "unknown": 3}
"""The exit codes of monitoring plugins: OK, WARNING, CRITICAL, UNKNOWN."""
_COLOURS: dict[Status, str] = {"ok": "green", "note": "cyan", "warning": "yellow", "fault": "red", "unknown": "magenta"}


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--only", multiple=True, metavar="NAME", help="Run only this check or group of checks; can be repeated.")
@click.option("-v", "--verbose", is_flag=True, help="Also print checks without findings.")
@settings_options(
    "exact_max_rows",
    "index_min_rows",
    "index_max_count",
    *DATABASE_OPTIONS,
    *POOL_OPTIONS,
    failure_code=EXIT_CODES["unknown"],
)
def doctor(settings: Settings, as_json: bool, only: tuple[str, ...], verbose: bool) -> None:
    """Examine a live database: print each problem, why it matters, and the SQL that fixes it.

    It only reads. Exit code 0: no findings, or notes; 1: warnings; 2: faults; 3: a check could not run.
    """
    outcomes = run(_outcomes(settings, only), failure_code=EXIT_CODES["unknown"])
    worst: Status = max((outcome.status for outcome in outcomes), key=STATUSES.index, default="ok")
    if as_json:
        echo_json(_document(outcomes, worst))
    else:
        _print(outcomes, worst, verbose)
    sys.exit(EXIT_CODES[worst])


async def _outcomes(settings: Settings, only: tuple[str, ...]) -> list[Outcome]:
    checks = chosen_checks(only)
    async with database_url(settings) as url, opened_subject(settings, url) as subject:
        return [outcome async for outcome in examine(subject, checks)]


def _document(outcomes: list[Outcome], worst: Status) -> dict[str, object]:
    return {
        "status": worst,
        "exit_code": EXIT_CODES[worst],
        "checks": [
            {
                "name": outcome.check.name,
                "group": outcome.check.group,
                "status": outcome.status,
                "seen": outcome.verdict.seen,
                "seconds": round(outcome.seconds, 4),
                "findings": [
                    {"severity": one.severity, "what": one.problem, "why": one.why, "fix": one.fix}
                    for one in outcome.verdict.findings
                ],
            }
            for outcome in outcomes
        ],
    }


def _print(outcomes: list[Outcome], worst: Status, verbose: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    group = ""
    for outcome in outcomes:
        if outcome.status == "ok" and not verbose:
            continue
        if outcome.check.group != group:
            group = outcome.check.group
            console.print(f"[bold]{group}[/bold]")
        _print_outcome(console, outcome)
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in reversed(STATUSES)}
    summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    console.print(f"[{_COLOURS[worst]}]{worst}[/]: {plural(len(outcomes), 'check')}, {summary}")


def _print_outcome(console: Console, outcome: Outcome) -> None:
    name, seen = outcome.check.name, _shown(outcome.verdict.seen)
    if not outcome.verdict.findings:
        console.print(f"  [{_COLOURS[outcome.status]}]{outcome.status:8}[/]{name}: {seen}")
    for finding in outcome.verdict.findings:
        console.print(f"  [{_COLOURS[finding.severity]}]{finding.severity:8}[/]{name}: {_shown(finding.problem)}")
        console.print(f"          {_shown(finding.why)}")
        for step in finding.fix:
            console.print(f"          > {_shown(step)}")


def _shown(text: str) -> str:
    """Text of the examined database, printable and without markup."""
    return escape(printable(text))
