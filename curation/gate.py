"""Stage `gate`: stop the pipeline when a critical check failed, else pin the dataset."""

from pathlib import Path

import yaml

from project.errors import IncumbentError
from project.paths import CURATED, DATASET, GATE_PAGE, GATE_REPORT, rows_of
from project.records.data import DatasetVersion, GateReport, Row, Severity, Split

LOCK = Path("dvc.lock")


def main() -> None:
    report = GateReport.read(GATE_REPORT)
    for check in report.failed(Severity.WARNING):
        print(f"warning: {check}")
    if failed := report.failed(Severity.CRITICAL):
        lines = "\n".join(f"  {check}" for check in failed)
        raise IncumbentError(
            f"the gate is shut, {len(failed)} critical checks failed:\n{lines}\n"
            f"mend the rows or the contract, then run `dvc repro`; all failing rows: {GATE_PAGE}"
        )
    parts = {part: Row.read_lines(rows_of(part)) for part in Split}
    dataset = DatasetVersion(
        rows=report.dataset_rows,
        splits={part: len(rows) for part, rows in parts.items()},
        sources=tuple(sorted({row.source for rows in parts.values() for row in rows})),
        contract=report.contract,
        dvc_revision=dvc_revision(),
    )
    dataset.write(DATASET)
    print(f"gate passed: {dataset}")


def dvc_revision() -> str | None:
    """DVC's checksum of the curated folder, as the lock file has it after stage `curate`."""
    stages = yaml.safe_load(LOCK.read_bytes())["stages"] if LOCK.exists() else {}
    outputs = stages.get("curate", {}).get("outs", [])
    return next((out["md5"] for out in outputs if Path(out["path"]) == CURATED), None)
