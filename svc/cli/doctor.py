"""`cabinet doctor`: what is wrong with a database, and what mends it."""

from __future__ import annotations

import sys

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from svc.cli.environment import DATABASE_OPTIONS, POOL_OPTIONS, database_url, run, settings_options
from svc.doctor.checks import plural
from svc.doctor.examination import STATUSES, Outcome, Status, chosen_checks, examine, opened_subject
from svc.settings import Settings

EXIT_CODES: dict[Status, int] = {"ok": 0, "note": 0, "warning": 1, "fault": 2, "unknown": 3}
"""What monitoring takes them for: OK, WARNING, CRITICAL, UNKNOWN."""
_COLOURS: dict[Status, str] = {"ok": "green", "note": "cyan", "warning": "yellow", "fault": "red", "unknown": "magenta"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
@click.option("--only", multiple=True, metavar="NAME", help="A check or a group of checks; may be given again.")
@click.option("-v", "--verbose", is_flag=True, help="Also what is as it should be.")
@settings_options(
    "exact_max_rows",
    "index_min_rows",
    "index_max_count",
    *DATABASE_OPTIONS,
    *POOL_OPTIONS,
    failure_code=EXIT_CODES["unknown"],
)
def doctor(settings: Settings, as_json: bool, only: tuple[str, ...], verbose: bool) -> None:
    """Look at a live database: what is wrong, why it matters, and the SQL that mends it.

    Reads only. Exit code 0: nothing, or notes; 1: warnings; 2: faults; 3: it could not be looked at.
    """
    outcomes = run(_outcomes(settings, only), failure_code=EXIT_CODES["unknown"])
    worst: Status = max((outcome.status for outcome in outcomes), key=STATUSES.index, default="ok")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_document(outcomes, worst)), indent=2))
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
                    {"severity": one.severity, "what": one.what, "why": one.why, "mend": one.mend}
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
    name, seen = outcome.check.name, escape(outcome.verdict.seen)
    if not outcome.verdict.findings:
        console.print(f"  [{_COLOURS[outcome.status]}]{outcome.status:8}[/]{name}: {seen}")
    for finding in outcome.verdict.findings:
        console.print(f"  [{_COLOURS[finding.severity]}]{finding.severity:8}[/]{name}: {escape(finding.what)}")
        console.print(f"          {escape(finding.why)}")
        for step in finding.mend:
            console.print(f"          > {escape(step)}")
