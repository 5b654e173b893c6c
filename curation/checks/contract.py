"""A data contract: expectations with a severity, checked by Great Expectations."""

import logging
from collections import Counter
from typing import Any, Self

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationValidationResult
from great_expectations.expectations.registry import get_expectation_impl
from pydantic import Field, field_validator, model_validator

from curation.checks.row_columns import TOLD
from project.canonical import digest_json
from project.records.data import Check, Severity
from project.settings import Settings

logging.getLogger("great_expectations").setLevel(logging.ERROR)

Arguments = dict[str, str | int | float | list[str | int | float] | None]


class Expectation(Settings):
    name: str = Field(min_length=1)
    severity: Severity
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


def check(table: pd.DataFrame, contract: Contract) -> tuple[Check, ...]:
    """Check a table with an `id` column against a contract, one Check per expectation.

    Great Expectations' own `success` knows no severity and calls a crash a failure, so each
    result is read for itself.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    batch = (
        context.data_sources.add_pandas("rows")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    suite = context.suites.add(gx.ExpectationSuite("contract"))
    for expectation in contract.checks:
        suite.add_expectation(expectation.build())
    definition = gx.ValidationDefinition(name="contract", data=batch, suite=suite)
    outcome = context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": table},
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": ["id"],
            "include_unexpected_rows": False,
        },
    )
    by_name = {result.expectation_config.meta["name"]: result for result in outcome.results}
    return tuple(
        to_check(expectation, by_name[expectation.name], table) for expectation in contract.checks
    )


def to_check(
    expectation: Expectation, result: ExpectationValidationResult, table: pd.DataFrame
) -> Check:
    found: dict[str, Any] = result.result or {}
    column = expectation.arguments.get("column")
    rows = tuple(str(index["id"]) for index in found.get("unexpected_index_list") or ())
    told = faults(table, column, rows) if column in TOLD else ""
    return Check(
        name=expectation.name,
        severity=expectation.severity,
        passed=bool(result.success),
        limit=limit(expectation.arguments),
        observed=observed(found) + told,
        failing_rows=rows,
        crashed=crash(result),
        column=column if isinstance(column, str) else None,
    )


def limit(arguments: Arguments) -> str:
    return ", ".join(f"{key} {value}" for key, value in arguments.items())


def observed(found: dict[str, Any]) -> str:
    """What was seen, as counts: failing values may be personal data and stay out of reports."""
    if "element_count" in found:
        return f"{found['unexpected_count']} of {found['element_count']} rows fail"
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
