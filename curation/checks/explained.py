"""What the gate's page shows of checks that fail: a few of the rows."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from curation.checks.contract_tables import Tables
from curation.checks.gate_message import FailingExample
from curation.checks.repeats import NONE
from curation.checks.row_columns import TOLD
from project.personal_data import redact
from project.records.data import Check, GateReport
from project.untrusted_input import shortened

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
