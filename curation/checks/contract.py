"""A data contract: expectations with a severity, checked by Great Expectations."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, get_args

import pandas as pd
from pydantic import Field, field_validator, model_validator

from curation.checks.contract_tables import Tables
from curation.checks.dataset_measures import rows_wanted
from curation.checks.row_columns import TOLD
from project.canonical import digest_json
from project.libraries import imported_late
from project.records.data import Check, Severity
from project.settings import Settings

# Charts and statistical tests are of expectations that few contracts have, databases of none:
# Great Expectations takes half as long without them.
with imported_late("altair", "scipy.stats", absent="sqlalchemy"):
    import great_expectations as gx
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.registry import get_expectation_impl

# The second one has a level of its own, and tells of each temporary folder.
for noisy in ("great_expectations", "great_expectations.data_context.types.base"):
    logging.getLogger(noisy).setLevel(logging.ERROR)

Arguments = dict[str, str | int | float | list[str | int | float] | None]


Of = Literal["rows", "slices", "dataset"]


class Expectation(Settings):
    name: str = Field(min_length=1)
    severity: Severity
    of: Of = "rows"  # a row's columns, the slices, or the measures of the whole
    expectation: str  # a Great Expectations type, expect_…
    arguments: Arguments

    @field_validator("expectation")
    @classmethod
    def is_known(cls, name: str) -> str:
        try:
            get_expectation_impl(name)
        except gx.exceptions.ExpectationNotFoundError:
            raise ValueError(f"Great Expectations has no {name!r}") from None
        return name

    @model_validator(mode="after")
    def arguments_fit(self) -> Self:
        self.build()
        return self

    def build(self) -> gx.expectations.Expectation:
        return get_expectation_impl(self.expectation)(**self.arguments, meta={"name": self.name})


class Contract(Settings):
    name: str
    task: str | None = None  # what the rows are to teach, in words; null: what most are about
    # A file of rows that show the task, ten or more, beside the contract as the next one.
    gold: Path | None = None
    # A file of rows, the last version's, that the new ones are held against for drift; it lies in
    # datasets/contracts, where DVC watches for changes.
    reference: Path | None = None
    checks: tuple[Expectation, ...] = Field(min_length=1)

    @field_validator("checks")
    @classmethod
    def are_distinct(cls, checks: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
        """Great Expectations keeps one of two equal expectations, and names tell results apart."""
        for what in (lambda c: c.name, lambda c: digest_json([c.expectation, c.arguments])):
            seen: dict[str, str] = {}
            for check in checks:
                if (key := what(check)) in seen:
                    raise ValueError(f"check {check.name!r} repeats check {seen[key]!r}")
                seen[key] = check.name
        return checks


def check(tables: Tables, contract: Contract) -> tuple[Check, ...]:
    """Check tables with an `id` column against a contract, one Check per expectation, in order."""
    found: dict[str, Check] = {}
    for of in get_args(Of):
        own = [one for one in contract.checks if one.of == of]
        if own:
            found |= checked(getattr(tables, of), own, tables.notes)
    return tuple(found[expectation.name] for expectation in contract.checks)


def checked(
    table: pd.DataFrame, expectations: Sequence[Expectation], notes: Mapping[str, str]
) -> dict[str, Check]:
    """By the expectation's name. Great Expectations' own `success` knows no severity and calls a
    crash a failure, so each result is read for itself.
    """
    results = validated(table, expectations)
    return {one.name: to_check(one, results[one.name], table, notes) for one in expectations}


def validated(
    table: pd.DataFrame, expectations: Sequence[Expectation]
) -> dict[str, ExpectationValidationResult]:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    whole = (
        context.data_sources.add_pandas("rows")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    # One by one, each would have the context write all that came before it anew.
    suite = gx.ExpectationSuite("contract", expectations=[one.build() for one in expectations])
    outcome = whole.get_batch({"dataframe": table}).validate(
        suite,
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": ["id"],
            "include_unexpected_rows": False,
        },
    )
    return {result.expectation_config.meta["name"]: result for result in outcome.results}


def to_check(
    expectation: Expectation,
    result: ExpectationValidationResult,
    table: pd.DataFrame,
    notes: Mapping[str, str],
) -> Check:
    found: dict[str, Any] = result.result or {}
    column = expectation.arguments.get("column")
    failing = tuple(str(index["id"]) for index in found.get("unexpected_index_list") or ())
    unmeasured = unseen(table, column)
    if column in notes and unmeasured:
        seen = ""  # the note says why nothing was looked at
    elif table.empty and expectation.of == "slices":
        seen = "the rows have no slices"
    elif expectation.of == "dataset":
        seen, failing = measured(table, column), ()
    else:
        seen = observed(found, expectation.of)
        seen += faults(table, column, failing) if column in TOLD else ""
        seen += more_rows(expectation, table, failing)
    note = notes.get(str(column), "")
    return Check(
        name=expectation.name,
        severity=expectation.severity,
        passed=bool(result.success),
        limit=limit(expectation),
        observed=", ".join(filter(None, [seen, note])),
        failing_rows=failing,
        crashed=crash(result),
        column=column if isinstance(column, str) else None,
        unmeasured=True if unmeasured and result.success else None,
    )


def more_rows(expectation: Expectation, table: pd.DataFrame, failing: Sequence[str]) -> str:
    """What slices of too few rows need."""
    least = expectation.arguments.get("min_value")
    if expectation.of != "slices" or not failing or not isinstance(least, int):
        return ""
    return f": {rows_wanted(table, failing, least)}"


def unseen(table: pd.DataFrame, column: Any) -> bool:
    """Whether a column of the table says nothing, of whatever lines it has."""
    return isinstance(column, str) and column in table and bool(table[column].isna().all())


def measured(table: pd.DataFrame, column: Any) -> str:
    """A measure of the whole dataset, which is a number and no one's text."""
    value = table[column].iloc[0] if column in table else None
    if value is None or pd.isna(value):
        return "not measured"
    return f"{column} is {value:,.0f}" if value >= 1000 else f"{column} is {value:.4g}"


def limit(expectation: Expectation) -> str:
    """What is asked of which column, in words for whoever never saw Great Expectations."""
    rest = dict(expectation.arguments)
    column, mostly = rest.pop("column", None), rest.pop("mostly", None)
    parts = [*bounds(rest.pop("min_value", None), rest.pop("max_value", None))]
    allowed = rest.pop("value_set", None)
    parts += [" or ".join(map(str, allowed))] if isinstance(allowed, list) else []
    parts += [f"{'not ' * is_denied(expectation)}{key} {value}" for key, value in rest.items()]
    parts += [f"in at least {mostly:.4g} of them"] if isinstance(mostly, float) else []
    told = ", ".join(parts) or "there"
    return told if column is None else f"{column}: {told}"


def is_denied(expectation: Expectation) -> bool:
    return "_to_not_" in expectation.expectation


def bounds(low: object, high: object) -> Iterator[str]:
    if low is not None and high is not None:
        yield f"from {low} to {high}"
    elif low is not None or high is not None:
        yield f"at most {high}" if low is None else f"at least {low}"


def observed(found: dict[str, Any], of: Of) -> str:
    """What was seen, as counts: failing values may be personal data and stay out of reports.

    Rows that were not looked at do not count.
    """
    if "element_count" in found:
        looked = found["element_count"] - found.get("missing_count", 0)
        return f"{found['unexpected_count']} of {looked} {of} fail"
    if "missing_count" in found:
        return f"{found['missing_count']} values missing, {found['unexpected_count']} not allowed"
    return f"found {found['observed_value']}" if "observed_value" in found else "nothing found"


def faults(table: pd.DataFrame, column: Any, rows: tuple[str, ...]) -> str:
    """How often each fault was seen in the failing rows, the most frequent first."""
    seen = Counter(table.loc[table["id"].isin(rows), column]).most_common()
    told = ", ".join(f"{count} × {fault.strip(' ,!')}" for fault, count in seen)
    return f" ({told})" if told else ""


def crash(result: ExpectationValidationResult) -> str | None:
    """The message of the exception that stopped a check, if one did."""
    info = result.exception_info or {}
    raised = [info] if "raised_exception" in info else list(info.values())
    return next((str(e["exception_message"]) for e in raised if e.get("raised_exception")), None)
