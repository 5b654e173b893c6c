"""A data contract: expectations with a severity, checked by Great Expectations."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import pandas as pd
from pydantic import Field, field_validator, model_validator

from curation.checks.contract_tables import TOLD, Tables, refusal_reasons, row_table, texts_of
from curation.checks.dataset_measures import rows_wanted
from curation.checks.relevance import CheckReferences, eval_places, leaks, suite_prompts
from curation.checks.repeats import NONE, RowTexts
from curation.checks.waivers import Waivers, excused_rows, read_waivers
from curation.curation_settings import CurateParams, ValidateParams
from curation.faults.every_fault import FAULTS
from curation.kinship import asking_alike
from project.canonical import digest_json
from project.errors import InputError
from project.libraries import imported_late
from project.records.data import Check, Row, Severity, Split
from project.settings import Settings, load, read_settings

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
    checks: dict[str, Check] = {}
    for of in get_args(Of):
        expectations = [expectation for expectation in contract.checks if expectation.of == of]
        if expectations:
            checks |= checked(getattr(tables, of), expectations, tables.notes)
    return tuple(checks[expectation.name] for expectation in contract.checks)


def checked(
    table: pd.DataFrame, expectations: Sequence[Expectation], notes: Mapping[str, str]
) -> dict[str, Check]:
    """By the expectation's name. Great Expectations' own `success` knows no severity and calls a
    crash a failure, so each result is read for itself.
    """
    results = validated(table, expectations)
    return {e.name: to_check(e, results[e.name], table, notes) for e in expectations}


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
    suite = gx.ExpectationSuite("contract", expectations=[e.build() for e in expectations])
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
    details: dict[str, Any] = result.result or {}
    column = expectation.arguments.get("column")
    failing = tuple(str(index["id"]) for index in details.get("unexpected_index_list") or ())
    unmeasured = unseen(table, column)
    if column in notes and unmeasured:
        seen = ""  # the note says why nothing was looked at
    elif table.empty and expectation.of == "slices":
        seen = "the rows have no slices"
    elif expectation.of == "dataset":
        seen, failing = measured(table, column), ()
    else:
        seen = observed(details, expectation.of)
        seen += faults(table, column, failing) if column in TOLD else ""
        least = expectation.arguments.get("min_value")
        if expectation.of == "slices" and failing and isinstance(least, int):
            seen += f": {rows_wanted(table, failing, least)}"
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
    denied = "not " if "_to_not_" in expectation.expectation else ""
    parts += [f"{denied}{key} {value}" for key, value in rest.items()]
    parts += [f"in at least {mostly:.4g} of them"] if isinstance(mostly, float) else []
    told = ", ".join(parts) or "there"
    return told if column is None else f"{column}: {told}"


def bounds(low: object, high: object) -> Iterator[str]:
    if low is not None and high is not None:
        yield f"from {low} to {high}"
    elif low is not None or high is not None:
        yield f"at most {high}" if low is None else f"at least {low}"


def observed(result: dict[str, Any], of: Of) -> str:
    """What was seen, as counts: failing values may be personal data and stay out of reports.

    Rows that were not looked at do not count.
    """
    if "element_count" in result:
        looked = result["element_count"] - result.get("missing_count", 0)
        return f"{result['unexpected_count']} of {looked} {of} fail"
    if "missing_count" in result:
        return f"{result['missing_count']} values missing, {result['unexpected_count']} not allowed"
    return f"found {result['observed_value']}" if "observed_value" in result else "nothing found"


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


# --- single rows ----------------------------------------------------------------------------------

# Which rows the gate would refuse, one by one, by the contract's own critical checks.
#
# Rows that users wrote and somebody accepted are checked so before they are anywhere: one of them
# is left out with its reason, and never shuts the gate for all others.

REFUSED = "that the gate would refuse"  # what the reason begins with, before the check's name
# What a column says of a row does not depend on the others, but for those that it is held against.
OF_ONE_ROW = frozenset(
    {*FAULTS, "personal_data", "too_long", "leak", "contaminated", "prompt", "completion"}
    | {f"{text}_{unit}" for text in ("prompt", "completion") for unit in ("chars", "words")}
)


@dataclass(frozen=True)
class RowGate:
    """The contract as it is asked about single rows, the waivers of what may stay, and the sources
    of rows that are looked at by themselves.
    """

    contract: Contract
    waivers: Waivers
    aside: Sequence[str] = ()

    @classmethod
    def here(cls) -> "RowGate | None":
        """The project's; None where its settings cannot be read, which stage validate explains."""
        try:
            contract = read_settings(Contract, load(ValidateParams).contract)
            aside = load(CurateParams).train_only
        except InputError:
            return None
        return cls(contract, read_waivers(), aside)

    def names(self, *columns: str) -> set[str]:
        """The names of the critical checks of these columns: a warning lets its rows pass
        anyhow.
        """
        return {
            c.name
            for c in self.contract.checks
            if c.severity is Severity.CRITICAL and c.arguments.get("column") in columns
        }

    def alone(
        self, rows: Sequence[Row], evals: Sequence[str] = (), too_long: Iterable[str] = ()
    ) -> dict[str, str]:
        """By id, why a row is refused for what it says, whatever the other rows are.

        evals are what the eval items ask, too_long the rows that the base cannot read.
        """
        if not rows:
            return {}
        compared = CheckReferences(
            ours=self.waivers.ours,
            too_long=frozenset(too_long),
            evals=evals,
            suites=suite_prompts(),
        )
        texts = texts_of({Split.TRAIN: rows})
        table = row_table(texts, None, compared)
        return self.refused(table[["id", *sorted(OF_ONE_ROW & set(table.columns))]])

    def beside(
        self,
        parts: Mapping[Split, Sequence[Row]],
        accepted: Collection[str],
        conflicting: Collection[str] = (),
    ) -> dict[str, str]:
        """By id, why one of the accepted rows is refused for what the other rows are.

        conflicting are the rows whose prompt has another answer too, where the settings refuse it.
        """
        texts = texts_of(parts)
        ids = [row.id for row in texts.rows]
        clash = refusal_reasons(ids, conflicting, "another answer to the prompt")
        table = pd.DataFrame({"id": ids, "conflict_refused": clash})
        reasons = self.refused(table) if conflicting else {}
        reasons |= self.leaking(texts, accepted)
        return {name: why for name, why in reasons.items() if name in accepted}

    def leaking(self, texts: RowTexts, accepted: Collection[str]) -> dict[str, str]:
        """Why training rows are refused that ask what an item asks; where it is no accepted row
        that does, the accepted items are to blame which it asks.
        """
        items = [texts.rows[i] for i in eval_places(texts)]
        table = pd.DataFrame({"id": [row.id for row in texts.rows]})
        table["leak"] = leaks(texts, [item.prompt_text for item in items], aside=self.aside)
        reasons = self.refused(table[table["leak"] != NONE])
        others = [row.prompt_text for row in texts.rows if row.id in reasons.keys() - accepted]
        why = next((reasons[name] for name in reasons if name not in accepted), "")
        for item in items:
            if item.id in accepted and asking_alike(others, [item.prompt_text]):
                reasons[item.id] = why
        return reasons

    def refused(self, table: pd.DataFrame) -> dict[str, str]:
        """The first critical check of one of the table's columns that a row fails, by the
        row's id.
        """
        # Those that are critical, and about what one row of the table has in a column.
        critical = [
            expectation
            for expectation in self.contract.checks
            if expectation.severity is Severity.CRITICAL
            and expectation.of == "rows"
            and expectation.arguments.get("column") in [*table.columns]
            and not expectation.expectation.endswith("_unique")
        ]
        if not critical or table.empty:
            return {}
        reasons: dict[str, str] = {}
        for check in checked(table, critical, {}).values():
            for name in unexcused(check, self.waivers):
                reasons.setdefault(name, f'{REFUSED}: "{check.name}"')
        return reasons


def unexcused(check: Check, waivers: Waivers) -> list[str]:
    """The failing rows that no waiver excuses. A check that broke blames no row."""
    if check.crashed:
        return []
    failed = check.model_copy(update={"passed": False})  # also where most rows may fail
    excused = excused_rows(failed, waivers.waivers).values()
    return [name for name in check.failing_rows if not any(name in rows for rows in excused)]
