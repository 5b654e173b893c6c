"""Stage `gate`: stop the pipeline when a critical check failed, else pin the dataset.

A waiver holds until a day, and versions are submitted, so this stage runs each time. What it pins
tells nothing of either; its page tells how far the rows are from the last submitted ones.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from curation.checks.gate_message import (
    FailingExamples,
    advice_on,
    allow_commands,
    failure,
    waive_command,
    wrapped,
)
from curation.checks.waivers import LONGEST
from curation.curation_settings import CurateParams, ValidateParams
from project.child_processes import cached_file, locked_md5
from project.errors import IncumbentError
from project.files import write_bytes
from project.html import render
from project.paths import (
    ACCOUNT,
    CURATED,
    DATASET,
    GATE_EXAMPLES,
    GATE_PAGE,
    GATE_REPORT,
    rows_of,
)
from project.records.data import Check, DatasetVersion, GateReport, Row, Severity, Split, counted
from project.records.record import Digest
from project.settings import PARAMS, load, read_settings

SHUT = "the gate is shut"  # begins what is said when a critical check failed
LOCK = Path("dvc.lock")
TEMPLATE = Path(__file__).parent / "templates" / "gate.html"
USUAL = timedelta(days=90)  # for which the gate proposes a waiver


def main(today: date | None = None) -> None:
    """Raises IncumbentError where a critical check fails today, in UTC if it is left out."""
    today = today or datetime.now(UTC).date()
    report = held_against_last(GateReport.read(GATE_REPORT))
    write_page(report, FailingExamples.read(GATE_EXAMPLES))
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


def write_page(report: GateReport, examples: FailingExamples) -> None:
    page = render(
        TEMPLATE,
        report=report,
        examples=examples,
        advice_on=advice_on,
        waive_command=waive_command,
        allow_commands=allow_commands,
    )
    write_bytes(GATE_PAGE, page.encode())


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


# --- last version ---------------------------------------------------------------------------------

# The rows of the last submitted version, which new ones are held against for drift.

DRIFT = "shift"  # the column of the contract that tells it
CHECKSUM = re.compile(r"[0-9a-f]{32}(\.dir)?")
MEASURED = ("passed", "observed", "crashed", "unmeasured")  # what is new of a check
MOST_VERSIONS = 50  # looked through for one of other rows


@dataclass(frozen=True)
class LastVersion:
    """Its training rows as texts, without those that are but rehearsed, and its name."""

    label: str
    texts: tuple[str, ...]


def held_against_last(report: GateReport) -> GateReport:
    """The report with drift measured, where the contract asks for it and names no reference."""
    lacking = {check.name for check in report.checks if check.column == DRIFT and check.unmeasured}
    last = last_version(but=report.dataset_rows) if lacking else None
    if last is None:
        return report
    drift = {check.name: check for check in drift_checks(last)}
    checks = (
        check.model_copy(update={name: getattr(drift[check.name], name) for name in MEASURED})
        if check.name in lacking & drift.keys()
        else check
        for check in report.checks
    )
    return report.model_copy(update={"checks": tuple(checks)})


def drift_checks(last: LastVersion) -> tuple[Check, ...]:
    """What the contract says of the curated rows' distance from the last version's."""
    # Imported here because Great Expectations takes seconds, and most runs have no other version.
    import pandas as pd

    from curation.checks.contract import Contract, check
    from curation.checks.contract_tables import Tables
    from curation.checks.dataset_measures import word_shift

    contract = read_settings(Contract, load(ValidateParams).contract)
    asked = tuple(e for e in contract.checks if e.arguments.get("column") == DRIFT)
    now = [text for part in Split for text in texts_of_rows(rows_of(part))]
    table = pd.DataFrame({"id": ["dataset"], DRIFT: [word_shift(last.texts, now)]})
    notes = {DRIFT: f"held against {last.label}"}
    tables = Tables(pd.DataFrame({"id": []}), pd.DataFrame({"id": []}), table, notes)
    return check(tables, contract.model_copy(update={"checks": asked}))


def texts_of_rows(path: Path) -> Iterator[str]:
    """Prompts and answers together, without the rows that are but rehearsed."""
    aside = load(CurateParams).train_only
    for row in Row.read_lines(path):
        if row.source not in aside:
            yield f"{row.prompt_text}\n{row.completion_text}"


def last_version(but: Digest | None = None) -> LastVersion | None:
    """The newest one whose dataset has other rows than those `but`. None outside of a project,
    before a first version, and where its rows are not in DVC's cache on this machine.
    """
    if not PARAMS.exists():
        return None
    # Imported here because SQLAlchemy takes a while, and rows outside of a project need none.
    from registry.lineage import dataset_of
    from registry.reader import RegistryReader

    try:
        with RegistryReader.here() as registry:
            for version in registry.newest(MOST_VERSIONS):
                dataset = dataset_of(registry, version.adapter.dataset)
                if dataset and dataset.rows != but:
                    kept = cached_training_rows(dataset.dvc_revision or "")
                    if kept is None or not kept.exists():
                        return None
                    return LastVersion(version.label, tuple(texts_of_rows(kept)))
    except IncumbentError:  # rows are checked wherever they are: what is wrong is told elsewhere
        return None
    return None


def cached_training_rows(revision: str) -> Path | None:
    """The training rows of a curated folder in DVC's cache; `revision` is the folder's checksum."""
    folder = cached(revision)
    if folder is None or not folder.exists():
        return None
    name = rows_of(Split.TRAIN).name
    files = {entry.get("relpath"): entry.get("md5") for entry in json.loads(folder.read_bytes())}
    return cached(str(files.get(name)))


def cached(checksum: str) -> Path | None:
    """Where DVC keeps what has this checksum; None for what is no checksum."""
    return cached_file(Path(), checksum) if CHECKSUM.fullmatch(checksum) else None
