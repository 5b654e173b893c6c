"""Stage `validate`: check the curated rows against the contract; always reports, never stops."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from curation.account import left_out_by
from curation.checks.contract import REFUSED, Contract, check
from curation.checks.contract_tables import TOLD, Tables, tables_of
from curation.checks.embeddings import RowEmbedder
from curation.checks.gate_message import FailingExample, FailingExamples
from curation.checks.relevance import CheckReferences, suite_prompts
from curation.checks.repeats import NONE
from curation.checks.waivers import (
    Waivers,
    read_waivers,
    refuse_unknown_checks,
    unused,
    with_waivers,
)
from curation.curation_settings import CurateParams, ValidateParams
from curation.sifting import conflicting as rows_in_conflict
from curation.sources.row_formats import read_rows
from project.canonical import digest_folder
from project.errors import InputError
from project.model_pins import BaseChoice, pinned_folder
from project.paths import CURATED, EMBEDDER, GATE_EXAMPLES, GATE_PAGE, GATE_REPORT, TOKENS, rows_of
from project.personal_data import redact
from project.records.adapters import ModelPin
from project.records.data import Check, GateReport, Row, Split, TokenCount
from project.settings import load, read_settings
from project.untrusted_input import shortened

CONTRACTS = Path("datasets/contracts")  # where DVC watches for changes


def main() -> None:
    params = load(ValidateParams)
    contract = read_settings(Contract, params.contract)
    waivers = read_waivers()
    refuse_unknown_checks(waivers, [expectation.name for expectation in contract.checks])
    parts = {part: Row.read_lines(rows_of(part)) for part in Split}
    tables = tables_of(parts, check_references(parts, contract, params, waivers))
    report = reported(tables, contract, waivers)
    report.write(GATE_REPORT)
    examples = failing_examples(report, tables)
    FailingExamples(contract=contract.name, of=examples).write(GATE_EXAMPLES)
    print(f"{report}; see {GATE_PAGE}, which stage `gate` writes")


def check_references(
    parts: Mapping[Split, Sequence[Row]],
    contract: Contract,
    params: ValidateParams,
    waivers: Waivers,
) -> CheckReferences:
    """What the rows are held against; the model is loaded when it has something to embed."""
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder") if params.embedded_rows else None
    gold = rows_beside(contract.gold, params.contract, "gold")
    too_long, conflicting = refused_of(parts)
    return CheckReferences(
        ours=waivers.ours,
        too_long=too_long,
        conflicting=conflicting,
        suites=suite_prompts(),
        task=contract.task,
        aside=load(CurateParams).train_only,
        gold=[(row.prompt_text, row.completion_text) for row in gold],
        reference=reference_texts(contract, params.contract),
        embed=RowEmbedder(embedder) if embedder else None,
        embedded_rows=params.embedded_rows,
    )


def reference_texts(contract: Contract, file: Path) -> list[str]:
    """Of the last version's rows, where the contract names them. Raises InputError."""
    rows = rows_beside(contract.reference, file, "reference")
    return [f"{row.prompt_text}\n{row.completion_text}" for row in rows]


def rows_beside(path: Path | None, file: Path, field: str) -> list[Row]:
    """The rows of a file that a field of the contract names. Raises InputError."""
    if path is None:
        return []
    if CONTRACTS not in path.parents:
        problem = f"must be a file in {CONTRACTS}, where DVC watches for changes"
        raise InputError(problem, file=file, field=field)
    return list(read_rows(path))


def refused_of(
    parts: Mapping[Split, Sequence[Row]],
) -> tuple[frozenset[str], frozenset[str]]:
    """What stage `curate` leaves to the gate by its policies: the ids of rows that are too long,
    and of those whose prompt has another answer.
    """
    params, limit = load(CurateParams), load(BaseChoice).max_length
    counts = TokenCount.read_lines(TOKENS)
    rows = [row for part in parts.values() for row in part]
    together = rows_in_conflict(rows) if params.conflicts == "refuse" else []
    too_long = frozenset(c.row for c in counts if c.prompt + c.completion > limit)
    return too_long, frozenset(row.id for same in together for row in same)


def reported(tables: Tables, contract: Contract, waivers: Waivers) -> GateReport:
    """The checks of the rows with what is waived, whatever the day: that is for stage `gate`."""
    checks = check(tables, contract)
    return GateReport(
        dataset_rows=digest_folder(CURATED),
        contract=contract.digest,
        row_count=len(tables.rows),
        checks=tuple(with_waivers(c, waivers.waivers) for c in checks),
        waivers=waivers.digest if waivers != Waivers() else None,
        unused=unused(checks, waivers.waivers) or None,
        left_out=left_out_by(REFUSED) or None,
    )


# --- examples -------------------------------------------------------------------------------------

SHOWN = 5  # rows
CHARS = 160  # of a text
# Where one of these says something of a row, none of its text is shown.
PRIVATE = ("personal_data", "account_data", "contact_data", "person_name", "secret", "toxicity")


def failing_examples(report: GateReport, tables: Tables) -> dict[str, tuple[FailingExample, ...]]:
    """Of each check that does not pass, by its name."""
    table = tables.rows.drop_duplicates("id")
    return {
        check.name: tuple(examples(check, table)) for check in report.checks if not check.passed
    }


def examples(check: Check, table: pd.DataFrame) -> Iterator[FailingExample]:
    chosen = table[table["id"].isin(check.unwaived)].head(SHOWN)
    for row in chosen.to_dict("records"):
        yield example(row, check.column)


def example(row: Mapping[Hashable, Any], column: str | None) -> FailingExample:
    """A row without its failing value: what is told of it is in words of ours."""
    private = any(row.get(name, NONE) != NONE for name in PRIVATE)
    return FailingExample(
        id=row["id"],
        source=row["source"],
        part=row["split"],
        size=f"{row['prompt_words']} and {row['completion_words']} words",
        wrong=row[column] if column in TOLD else None,
        prompt=None if private else excerpt(row["prompt"]),
        completion=None if private else excerpt(row["completion"]),
    )


def excerpt(text: str) -> str:
    """The first words on one line, with labels in place of what could be somebody's data."""
    return shortened(redact(text), CHARS)
