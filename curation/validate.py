"""Stage `validate`: check the curated rows against the contract; always reports, never stops."""

from pathlib import Path

from curation.checks.contract import Contract, check
from curation.checks.row_columns import feature_table
from curation.curation_settings import ValidateParams
from project.canonical import digest_folder
from project.files import staged_folder
from project.html import render
from project.paths import CURATED, GATE_PAGE, GATE_REPORT, rows_of
from project.records.data import GateReport, Row, Split
from project.settings import load, read_settings

TEMPLATE = Path(__file__).parent / "templates" / "gate.html"


def main() -> None:
    params = load(ValidateParams)
    contract = read_settings(Contract, params.contract)
    table = feature_table(read_parts())
    report = GateReport(
        dataset_rows=digest_folder(CURATED),
        contract=contract.digest,
        row_count=len(table),
        checks=check(table, contract),
    )
    page = render(TEMPLATE, report=report, contract=contract)
    with staged_folder(GATE_REPORT.parent) as draft:
        report.write(draft / GATE_REPORT.name)
        (draft / GATE_PAGE.name).write_text(page, encoding="utf-8")
    print(f"{report}; see {GATE_PAGE}")


def read_parts() -> dict[Split, tuple[Row, ...]]:
    return {part: Row.read_lines(rows_of(part)) for part in Split}
