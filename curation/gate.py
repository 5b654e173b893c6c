"""Stage `gate`: stop the pipeline when a critical check failed, else pin the dataset.

A waiver holds until a day, so this stage runs each time; what it writes tells nothing of the day.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from curation.checks.gate_message import failure, wrapped
from curation.checks.waivers import LONGEST
from project.child_processes import locked_md5
from project.errors import IncumbentError
from project.paths import ACCOUNT, CURATED, DATASET, GATE_PAGE, GATE_REPORT, rows_of
from project.records.data import Check, DatasetVersion, GateReport, Row, Severity, Split, counted

SHUT = "the gate is shut"  # begins what is said when a critical check failed
LOCK = Path("dvc.lock")
USUAL = timedelta(days=90)  # for which the gate proposes a waiver


def main(today: date | None = None) -> None:
    """Raises IncumbentError where a critical check fails today, in UTC if it is left out."""
    today = today or datetime.now(UTC).date()
    report = GateReport.read(GATE_REPORT)
    for line in notes(report, today):
        print(wrapped(line))
    warned = failing(report, today, Severity.WARNING)
    for check in warned:
        where = f"; all failing rows: {GATE_PAGE}" if check is warned[-1] else ""
        print(f"warning: {check.name}: {check.crashed or check.observed}{where}")
    if failed := failing(report, today, Severity.CRITICAL):
        raise IncumbentError(shut([failure(check, today, today + USUAL) for check in failed]))
    dataset = pinned(report)
    dataset.write(DATASET)
    print(f"gate passed: {dataset}")


def failing(report: GateReport, today: date, severity: Severity) -> list[Check]:
    return [c for c in report.checks if c.severity == severity and not c.passes(today)]


def shut(failed: list[str]) -> str:
    return "\n\n".join(
        [
            f"{SHUT}: {counted(len(failed), 'critical check')} failed",
            *failed,
            "Mend the rows or the contract, or say what may stay, as above. Then run\n"
            f"`dvc repro`. All failing rows: {GATE_PAGE}",
        ]
    )


def notes(report: GateReport, today: date) -> Iterator[str]:
    """What people should know of waivers and of what was left out, be the gate open or shut."""
    for check in report.checks:
        for waived in check.waived or ():
            if not waived.expired(today):
                yield f'waived: "{check.name}", {waived}'
            if waived.until > today + LONGEST:
                yield f"warning: that waiver is for more than a year: until {waived.until}"
    for why, count in (report.left_out or {}).items():
        yield f"left out: {counted(count, 'accepted row')} {why}; each is in {ACCOUNT}"
    for unused in report.unused or ():
        yield f"warning: {unused} excuses nothing any more: take it out"


def pinned(report: GateReport) -> DatasetVersion:
    parts = {part: Row.read_lines(rows_of(part)) for part in Split}
    return DatasetVersion(
        rows=report.dataset_rows,
        splits={part: len(rows) for part, rows in parts.items()},
        sources=tuple(sorted({row.source for rows in parts.values() for row in rows})),
        contract=report.contract,
        dvc_revision=dvc_revision(),
    )


def dvc_revision() -> str | None:
    """DVC's checksum of the curated folder, as the lock file has it after stage `curate`."""
    return locked_md5(LOCK, "curate", CURATED)
