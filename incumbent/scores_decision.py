"""`incumbent.decide`: a verdict on scores that a program holds, as the command gives on files."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, get_args

from pydantic import ValidationError

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import PREFERENCE, weigh
from evaluation.other_logs.csv_answers import NAMES
from evaluation.other_logs.pair_logs import TASK, log_of_rows, pair_logs
from evaluation.scoring.built_in import better_by_ours
from project.errors import InputError
from project.records.evidence import Decision, Evidence
from project.records.scores import Better, ItemScore, ScoreTable
from project.settings import first_fault, read_settings

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame, Series

    # A system's scores: by item, one score or several by metric; or a row for each item; or the
    # numbers alone, in the same order on both sides.
    Scores = (
        Mapping[Any, float | Mapping[str, Any] | None]
        | Iterable[Mapping[str, Any] | float | None]
        | DataFrame
        | Series
        | ndarray
    )

SIDES_OF_ROW = (("old", "new"), ("champion", "challenger"))
FORMS = (
    "scores are a mapping such as {'q1': 1} or {'q1': {'accuracy': 1}}, a list of rows such as "
    "{'item': 'q1', 'accuracy': 1}, a DataFrame, a Series, or a list of numbers"
)
# What errors about logs call by an option, and Python by a parameter.
PARAMETERS = (
    (re.compile(r"--allow-missing ([\d.]+)"), r"allow_missing=\1"),
    (re.compile(r"--metric\b"), "metrics=[NAME]"),
    (re.compile(r"\bboth logs\b"), "both"),
)


class ScoresError(InputError, ValueError):
    """Scores that cannot be compared, or that say nothing about a metric; says what to do."""


class WeighingError(InputError):
    """What keeps a table that could be read from being weighed."""


class DecisionOnScores(Decision):
    """A decision that cannot be taken for true: `if incumbent.decide(…)` would promote a HOLD."""

    def __bool__(self) -> Never:
        raise TypeError(
            f"a decision is neither true nor false, and this one is {self.verdict}: ask "
            "decision.promotes, or compare decision.verdict with 'PROMOTE', 'HOLD' or 'REJECT'"
        )


def decide(
    scores: "Scores",
    new: "Scores | None" = None,
    *,
    metrics: Sequence[str] = (),
    better: Mapping[str, Better] | None = None,
    policy: Policy | Mapping[str, Any] | None = None,
    look: int = 1,
    allow_missing: float | None = None,
) -> Decision:
    """Give the verdict that `incumbent decide` would give on the same scores.

    Two systems' scores of the same items, in any order:

        incumbent.decide({"q1": 0.2, "q2": 0.4}, {"q1": 0.9, "q2": 0.8})
        incumbent.decide(old_rows, new_rows)  # lists of {"item": "q1", "accuracy": 1}, DataFrames

    or one table of both, a row an item: {"item": "q1", "old": 0.2, "new": 0.9}, where `old` and
    `new` may hold several scores by metric. A row may have `cluster`, `slices` and `error`, as a
    line of `--from jsonl` has. What a row or a DataFrame calls `item`, `id`, `item_id` or `key`
    tells its item; else the DataFrame's index does, as a Series' does. Two lists or arrays of
    numbers are paired by their places. None and NaN are missing scores, and never a zero.

    The decision is neither true nor false: ask `decision.promotes`, or its `verdict`.

    Args:
        scores: The scores of the system in use, or of both.
        new: The scores of the system that is to replace it.
        metrics: Which of them decide, each of which must be better; all if empty.
        better: Of a metric, "less" where less is better; more is, of those not named.
        policy: What must be shown, as in a policy file: {"gating": ["accuracy"], "alpha": 0.1}.
        look: Which comparison on these items it is, from 1: later ones must show more.
        allow_missing: The share of items that may be missing; None: 0.02 of items without a score,
            and none that one side lacks, has twice or asks differently.

    Raises:
        ScoresError: a ValueError that says which row, field or item keeps the scores from being
            compared, and what to do.
    """
    try:
        refuse_slips(metrics, better, look, allow_missing)
        old_rows, new_rows = sides_of(scores, new)
        logs = [
            log_of_rows(Path(side), enumerate(rows, start=1), metrics)
            for side, rows in (("old", old_rows), ("new", new_rows))
        ]
        refuse_unknown_ways(
            better or {}, {m for log in logs for sample in log.samples for m in sample.metrics}
        )
        told = [replace(log, better={TASK: dict(better or {})}) for log in logs]
        table = pair_logs(*told, metrics=metrics, allowed=allow_missing).table
        chosen = fitting_policy(policy_of(policy), table, named=bool(metrics))
        decision = weigh_and_rule(table, chosen, look)[1]
    except InputError as error:
        raise ScoresError(in_parameters(str(error))) from None
    return DecisionOnScores(**dict(decision))


def in_parameters(message: str) -> str:
    for option, parameter in PARAMETERS:
        message = option.sub(parameter, message)
    return message


def weigh_and_rule(
    table: ScoreTable,
    policy: Policy,
    look: int,
    *,
    general: ScoreTable | None = None,
    reference: ScoreTable | None = None,
) -> tuple[Evidence, Decision]:
    """What a table shows, and the verdict on it. Raises WeighingError."""
    try:
        evidence = weigh(table, policy, general=general, reference=reference)
        return evidence, rule(evidence, policy, look)
    except InputError as error:
        raise WeighingError(str(error)) from None


# --- policy ---------------------------------------------------------------------------------------

DEFAULT = "strict"  # the policy that needs no file
NO_FILE = (
    "is no file: a policy is a YAML file with lines such as `alpha: 0.1`, `gating: [accuracy]` and "
    f"`margins: {{accuracy: 0.02}}`; {DEFAULT}, by which each metric must be better, needs none"
)


def policy_of(given: Policy | Mapping[str, Any] | Path | None) -> Policy | None:
    """A policy as it is given, or as its file says; None for the default one. Raises InputError."""
    if given is None or isinstance(given, Policy) or str(given) == DEFAULT:
        return given if isinstance(given, Policy) else None
    if isinstance(given, Path):
        if not given.exists():
            raise InputError(NO_FILE, file=given)
        return read_settings(Policy, given)
    if not isinstance(given, Mapping):
        problem = f"policy is {given!r}: say {{'alpha': 0.1, 'gating': ['accuracy']}}, or a Policy"
        raise InputError(problem)
    try:
        return Policy.model_validate(given)
    except ValidationError as error:
        steps, problem = first_fault(error, Policy)
        raise InputError(problem, field=".".join(["policy", *steps])) from None


def fitting_policy(policy: Policy | None, table: ScoreTable, *, named: bool = False) -> Policy:
    """The policy, where it says nothing of what gates, with the metrics that the table has."""
    if policy is None:
        return default_policy(table, named=named)
    if "gating" in policy.model_fields_set or policy.kind != "strict":
        return policy
    ways = (table.better or {}) | (policy.better or {})
    gating = default_policy(table.model_copy(update={"better": ways}), named=named).gating
    free = tuple(metric for metric in gating if metric not in (policy.guards or {}))
    return policy.model_copy(update={"gating": free or gating})


def default_policy(table: ScoreTable, *, named: bool = False) -> Policy:
    """The default policy where the table has its metrics, else one by which all it has must win:
    those of which more is better, or all where somebody named them.

    Raises InputError for a table that has nothing to win in. A table of which less of every metric
    is better was asked for by its names.
    """
    there = metrics_of(table)
    if set(Policy().gating) <= set(there):
        return Policy()
    ways = {**better_by_ours(), **(table.better or {})}
    wins = ("more", "less") if named else ("more",)
    gating = tuple(metric for metric in there if ways.get(metric, "more") in wins)
    if not gating and table.better:
        gating = tuple(metric for metric in there if ways.get(metric) == "less")
    if not gating:
        raise WeighingError("no metric of it is one in which more is better")
    return Policy(gating=gating)


def only_metrics(table: ScoreTable, names: Sequence[str]) -> ScoreTable:
    """The table with these of its metrics, all if none is named. Raises WeighingError for one that
    it has not.
    """
    if not names:
        return table
    there = metrics_of(table)
    if unknown := [name for name in names if name not in there]:
        raise WeighingError(f"has no metric {unknown[0]!r}, but {', '.join(there)}")
    return table.model_copy(update={"items": tuple(narrowed(item, names) for item in table.items)})


def metrics_of(table: ScoreTable) -> list[str]:
    """All that an item can be compared by, a preference included."""
    judged = any(item.preference is not None for item in table.items)
    return [*table.metrics, *table.label_metrics, *([PREFERENCE] if judged else [])]


def narrowed(item: ItemScore, names: Sequence[str]) -> ItemScore:
    champion, challenger, labels = (
        {name: value for name, value in (part or {}).items() if name in names}
        for part in (item.champion, item.challenger, item.labels)
    )
    unread, inapplicable = (
        tuple(name for name in part or () if name in names) or None
        for part in (item.unread, item.inapplicable)
    )
    return item.model_copy(
        update={
            "champion": champion,
            "challenger": challenger,
            "labels": labels or None,
            "unread": unread,
            "inapplicable": inapplicable,
            "preference": item.preference if PREFERENCE in names else None,
        }
    )


# --- slips ----------------------------------------------------------------------------------------


def refuse_slips(metrics: object, better: object, look: object, allow_missing: object) -> None:
    """Raise InputError for an argument of another kind than it must be."""
    if isinstance(metrics, str):
        raise InputError(f"metrics is one text: say [{metrics!r}]")
    if better is not None and not isinstance(better, Mapping):
        raise InputError(f"better is {better!r}: say which metric, as in {{'seconds': 'less'}}")
    if not isinstance(look, int):
        raise InputError(f"look is {look!r}: it is a whole number, 1 at the first look")
    if allow_missing is None:
        return
    if not isinstance(allow_missing, int | float) or not 0 <= allow_missing <= 1:
        raise InputError(f"allow_missing is {allow_missing!r}: it is a share, from 0 to 1")


def refuse_unknown_ways(better: Mapping[str, str], metrics: Collection[str]) -> None:
    ways = get_args(Better)
    for metric, way in better.items():
        if metric not in metrics:
            raise InputError(f"better names {metric!r}, but there are {', '.join(sorted(metrics))}")
        if way not in ways:
            raise InputError(f"better of {metric!r} is {way!r}: say {', '.join(ways)}")


# --- scores as rows -------------------------------------------------------------------------------


def sides_of(
    scores: "Scores", new: "Scores | None"
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of the old and of the new system. Raises InputError naming the row."""
    old, other = listed(scores), listed(new)
    if new is not None:
        refuse_unpaired(numbers_of(old), numbers_of(other))
        return list(rows_of(old, "old")), list(rows_of(other, "new"))
    if numbers_of(old):
        raise InputError("these are scores of one system: give the new ones as second argument")
    pairs = [both_sides(row, number) for number, row in enumerate(rows_of(old, "scores"), start=1)]
    return [first for first, _ in pairs], [two for _, two in pairs]


def listed(scores: Any) -> Any:
    """The same, an array or what can be read but once as a list."""
    if hasattr(scores, "items"):  # a mapping, a Series or a DataFrame, without pandas
        return scores
    if hasattr(scores, "tolist"):
        return scores.tolist()
    if isinstance(scores, Set):
        raise InputError(f"a set has no order to pair by, and equal scores once: {FORMS}")
    is_iterable = isinstance(scores, Iterable) and not isinstance(scores, str)
    return list(scores) if is_iterable else scores


def numbers_of(scores: Any) -> int | None:
    """How many numbers a list has that has nothing else; None for anything else."""
    plain = isinstance(scores, list) and all(s is None or isinstance(s, Real) for s in scores)
    return len(scores) if plain and scores else None


def refuse_unpaired(old: int | None, new: int | None) -> None:
    """Raise InputError for numbers that cannot be paired by their places."""
    by_item = "give both as mappings by item, such as {'q1': 0.2}"
    if (old is None) != (new is None):
        raise InputError(f"one side is a list of numbers, which names no item: {by_item}")
    if old != new:
        problem = f"there are {old} old and {new} new numbers, which are paired by their places"
        raise InputError(f"{problem}: {by_item}")


def rows_of(scores: Any, side: str) -> Iterator[dict[str, Any]]:
    if hasattr(scores, "to_dict") and hasattr(scores, "columns"):  # a DataFrame
        told = scores.index.name is None and any(name in scores.columns for name in NAMES["item"])
        by_index = not told and "item" not in scores.columns
        if by_index and not scores.index.is_unique:
            twice = scores.index[scores.index.duplicated()][0]
            problem = f"the index names item {twice!r} twice: give a column `item`"
            raise InputError(f"{problem}, or call reset_index()", file=side)
        scores = scores.to_dict("index" if by_index else "records")
    if hasattr(scores, "items"):
        for item, value in scores.items():
            if isinstance(value, Collection) and not isinstance(value, (str, Mapping)):
                problem = f"{item!r} holds several values, and is no item with a score: {FORMS}"
                raise InputError(problem, file=side)
            yield {"item": str(item), **(value if isinstance(value, Mapping) else {"score": value})}
        return
    if not isinstance(scores, list):
        raise InputError(FORMS)
    for place, row in enumerate(scores, start=1):
        if row is None or isinstance(row, Real):
            yield {"item": str(place), "score": row}
        elif isinstance(row, Mapping):
            name = next((name for name in NAMES["item"] if name in row), "item")
            yield {"item" if field == name else field: value for field, value in row.items()}
        else:
            raise InputError(f"a row is {type(row).__name__}: {FORMS}")


def both_sides(row: dict[str, Any], number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    names = next((names for names in SIDES_OF_ROW if row.keys() >= set(names)), None)
    if names is None:
        problem = "has not both `old` and `new`: give them, or the new scores as second argument"
        raise InputError(problem, file="scores", line=number)
    about = {name: value for name, value in row.items() if name not in names}
    sides = (row[name] for name in names)
    old, new = ({**about, "scores": s if isinstance(s, Mapping) else {"score": s}} for s in sides)
    return old, new
