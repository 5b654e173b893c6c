"""Stage `validate`: check the curated rows against the contract; always reports, never stops."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from curation.checks.contract import Contract, check
from curation.checks.gate_message import allow_commands, waive_command
from curation.checks.row_columns import NOTHING, Refused, feature_table
from curation.checks.waivers import Waivers, unused, with_waivers
from curation.checks.waivers_file import read_waivers, refuse_unknown_checks
from curation.cleaning.conflicts import conflicting
from curation.curation_settings import CurateParams, ValidateParams
from project.canonical import digest_folder
from project.files import staged_folder
from project.html import render
from project.model_pins import BaseChoice
from project.paths import CURATED, GATE_PAGE, GATE_REPORT, TOKENS, rows_of
from project.records.data import GateReport, Row, Split, TokenCount
from project.settings import load, read_settings

TEMPLATE = Path(__file__).parent / "templates" / "gate.html"


def main() -> None:
    params = load(ValidateParams)
    contract = read_settings(Contract, params.contract)
    waivers = read_waivers()
    refuse_unknown_checks(waivers, [one.name for one in contract.checks])
    parts = read_parts()
    report = reported(parts, contract, waivers, refused_of(parts))
    page = render(
        TEMPLATE,
        report=report,
        contract=contract,
        waive_command=waive_command,
        allow_commands=allow_commands,
    )
    with staged_folder(GATE_REPORT.parent) as draft:
        report.write(draft / GATE_REPORT.name)
        (draft / GATE_PAGE.name).write_text(page, encoding="utf-8")
    print(f"{report}; see {GATE_PAGE}")


def refused_of(parts: Mapping[Split, Sequence[Row]]) -> Refused:
    """What stage `curate` leaves to the gate, by its policies."""
    params, limit = load(CurateParams), load(BaseChoice).max_length
    counts = TokenCount.read_lines(TOKENS)
    rows = [row for own in parts.values() for row in own]
    together = conflicting(rows) if params.conflicts == "refuse" else []
    return Refused(
        too_long=frozenset(c.row for c in counts if c.prompt + c.completion > limit),
        conflicting=frozenset(row.id for same in together for row in same),
    )


def reported(
    parts: Mapping[Split, Sequence[Row]],
    contract: Contract,
    waivers: Waivers,
    refused: Refused = NOTHING,
) -> GateReport:
    """The checks of the rows with what is waived, whatever the day: that is for stage `gate`."""
    table = feature_table(parts, waivers.ours, refused)
    found = check(table, contract)
    return GateReport(
        dataset_rows=digest_folder(CURATED),
        contract=contract.digest,
        row_count=len(table),
        checks=tuple(with_waivers(one, waivers.waivers) for one in found),
        waivers=waivers.digest if waivers != Waivers() else None,
        unused=unused(found, waivers.waivers) or None,
    )


def read_parts() -> dict[Split, tuple[Row, ...]]:
    return {part: Row.read_lines(rows_of(part)) for part in Split}
