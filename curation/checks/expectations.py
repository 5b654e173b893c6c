"""What a contract may ask of a table's column, in the vocabulary of Great Expectations.

The kinds that our own contracts use are computed here, to the same result: to import that library
takes longer than to check a few thousand rows. It is asked about everything else: other kinds,
other arguments, values of mixed types, and columns that a table lacks.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations import Expectation as Foreign

Arguments = dict[str, str | int | float | list[str | int | float] | None]
NUMBERS = "if"  # kinds of numpy's dtypes


@dataclass(frozen=True)
class Asked:
    """One expectation, and the name that tells its result from others."""

    name: str
    kind: str  # expect_…
    arguments: Arguments


@dataclass(frozen=True)
class ExpectationResult:
    """Counts by the names that Great Expectations gives them, and the ids of failing lines."""

    success: bool
    counts: Mapping[str, Any]
    failing: tuple[str, ...] = ()
    crashed: str | None = None  # the message of the exception that stopped it


def results(table: pd.DataFrame, asked: Sequence[Asked]) -> dict[str, ExpectationResult]:
    """By name, of a table with a column `id`."""
    found = {one.name: computed(table, one) for one in asked}
    others = [one for one in asked if found[one.name] is None]
    foreign = results_elsewhere(table, others) if others else {}
    return {name: result or foreign[name] for name, result in found.items()}


def refuse_unknown(kind: str) -> None:
    """Raise ValueError for a kind of expectation that there is not."""
    if kind not in MEETS and kind != DISTINCT:
        foreign_class(kind)


def refuse_misfit(asked: Asked) -> None:
    """Raise ValueError for arguments that do not fit the kind."""
    if not is_ours(asked):
        foreign(asked)


# --- kinds of our own -----------------------------------------------------------------------------

DISTINCT = "expect_column_distinct_values_to_equal_set"


def within(values: pd.Series, arguments: Arguments) -> pd.Series:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    met = pd.Series(True, index=values.index)
    if low is not None:
        met &= values >= low
    if high is not None:
        met &= values <= high
    return met


# Which values meet an expectation; those that are missing are not asked.
MEETS: Mapping[str, Callable[[pd.Series, Arguments], pd.Series]] = {
    "expect_column_values_to_be_in_set": lambda values, given: values.isin(given["value_set"]),
    "expect_column_values_to_be_between": within,
    "expect_column_values_to_be_unique": lambda values, _: ~values.duplicated(keep=False),
    "expect_column_values_to_not_match_regex": lambda values, given: (
        ~values.astype(str).str.contains(given["regex"])
    ),
}
TAKES: Mapping[str, frozenset[str]] = {
    "expect_column_values_to_be_in_set": frozenset({"value_set", "mostly"}),
    "expect_column_values_to_be_between": frozenset({"min_value", "max_value", "mostly"}),
    "expect_column_values_to_be_unique": frozenset({"mostly"}),
    "expect_column_values_to_not_match_regex": frozenset({"regex", "mostly"}),
    DISTINCT: frozenset({"value_set"}),
}


def is_ours(asked: Asked) -> bool:
    """Whether kind and arguments are plain enough to be computed here."""
    given = dict(asked.arguments)
    if asked.kind not in TAKES or not isinstance(given.pop("column", None), str):
        return False
    return given.keys() <= TAKES[asked.kind] and fits(asked.kind, given)


def fits(kind: str, given: Arguments) -> bool:
    mostly, low, high = given.get("mostly", 1), given.get("min_value"), given.get("max_value")
    if not is_number(mostly) or not 0 <= mostly <= 1:
        return False
    if "value_set" in TAKES[kind]:
        return is_plain_set(given.get("value_set"))
    if "regex" in TAKES[kind]:
        return is_pattern(given.get("regex"))
    if "min_value" in TAKES[kind]:
        told = [bound for bound in (low, high) if bound is not None]
        return bool(told) and all(map(is_number, told)) and told == sorted(told)
    return True


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_plain_set(value: Any) -> bool:
    """Texts alone, or numbers alone."""
    return (
        isinstance(value, list)
        and bool(value)
        and (all(isinstance(one, str) for one in value) or all(map(is_number, value)))
    )


def is_pattern(value: Any) -> bool:
    """A regular expression without groups, of which pandas would warn."""
    try:
        return isinstance(value, str) and re.compile(value).groups == 0
    except re.error:
        return False


def computed(table: pd.DataFrame, asked: Asked) -> ExpectationResult | None:
    """The result of a kind of ours; None where Great Expectations has to be asked."""
    column = asked.arguments.get("column")
    if not is_ours(asked) or column not in table:
        return None
    values = table[column][table[column].notnull()]
    if not alike(values, asked):
        return None
    if asked.kind == DISTINCT:
        return of_distinct(values, asked.arguments)
    bad = values.index[~MEETS[asked.kind](values, asked.arguments).astype(bool)]
    mostly = asked.arguments.get("mostly", 1)
    return ExpectationResult(
        success=values.empty or (len(values) - len(bad)) / len(values) >= mostly,
        counts={
            "element_count": len(table),
            "missing_count": len(table) - len(values),
            "unexpected_count": len(bad),
        },
        failing=tuple(map(str, table.loc[bad, "id"])),
    )


def alike(values: pd.Series, asked: Asked) -> bool:
    """Whether the values are of the one type that the arguments are of."""
    if values.empty or asked.kind == "expect_column_values_to_be_unique":
        return True
    wanted = asked.arguments.get("value_set")
    texts = "regex" in asked.arguments or (isinstance(wanted, list) and isinstance(wanted[0], str))
    return values.map(type).eq(str).all() if texts else values.dtype.kind in NUMBERS


def of_distinct(values: pd.Series, given: Arguments) -> ExpectationResult:
    there, wanted = set(values.unique()), set(given["value_set"])
    counts = {
        "observed_value": None,
        "unexpected_count": len(there - wanted),
        "missing_count": len(wanted - there),
    }
    return ExpectationResult(success=there == wanted, counts=counts)


# --- Great Expectations ---------------------------------------------------------------------------


def foreign_class(kind: str) -> Any:
    """The library's class for a kind. Raises ValueError where it has none."""
    # Imported here, as everywhere below, because it takes seconds.
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    try:
        return get_expectation_impl(kind)
    except ExpectationNotFoundError:
        raise ValueError(f"Great Expectations has no {kind!r}") from None


def foreign(asked: Asked) -> "Foreign":
    made: Foreign = foreign_class(asked.kind)(**asked.arguments, meta={"name": asked.name})
    return made


def results_elsewhere(table: pd.DataFrame, asked: Sequence[Asked]) -> dict[str, ExpectationResult]:
    """The library's own `success` knows no severity and calls a crash a failure, so each result is
    read for itself.
    """
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    whole = (
        context.data_sources.add_pandas("rows")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    # One by one, each would have the context write all that came before it anew.
    suite = gx.ExpectationSuite("contract", expectations=list(map(foreign, asked)))
    outcome = whole.get_batch({"dataframe": table}).validate(
        suite,
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": ["id"],
            "include_unexpected_rows": False,
        },
    )
    return {one.expectation_config.meta["name"]: read_result(one) for one in outcome.results}


def read_result(result: "ExpectationValidationResult") -> ExpectationResult:
    counts: dict[str, Any] = result.result or {}
    return ExpectationResult(
        success=bool(result.success),
        counts=counts,
        failing=tuple(str(at["id"]) for at in counts.get("unexpected_index_list") or ()),
        crashed=crash(result),
    )


def crash(result: "ExpectationValidationResult") -> str | None:
    info = result.exception_info or {}
    raised = [info] if "raised_exception" in info else list(info.values())
    return next((str(e["exception_message"]) for e in raised if e.get("raised_exception")), None)
