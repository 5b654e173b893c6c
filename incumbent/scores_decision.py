"""`incumbent.decide`: a verdict on scores that a program holds, as the command gives on files."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import PREFERENCE, weigh
from evaluation.other_logs.pair_logs import TASK, log_of_rows, pair_logs
from evaluation.scoring.built_in import better_by_ours
from project.errors import InputError
from project.records.evidence import Decision, Evidence
from project.records.scores import Better, ScoreTable

if TYPE_CHECKING:
    from pandas import DataFrame

    # A system's scores: by item, one score or several by metric; or a row for each item.
    Scores = (
        Mapping[Any, float | Mapping[str, Any] | None] | Iterable[Mapping[str, Any]] | DataFrame
    )

SIDES_OF_ROW = (("old", "new"), ("champion", "challenger"))
FORMS = (
    "scores are a DataFrame, a list of rows such as {'item': 'q1', 'accuracy': 1}, or a mapping "
    "such as {'q1': 1} or {'q1': {'accuracy': 1}}"
)


class ScoresError(InputError, ValueError):
    """Scores that cannot be compared, or that say nothing about a metric; says what to do."""


class WeighingError(InputError):
    """What keeps a table that could be read from being weighed."""


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
    line of `--from jsonl` has. A DataFrame without the column `item` is told by its index. None and
    NaN are missing scores, and never a zero.

    Args:
        scores: The scores of the system in use, or of both.
        new: The scores of the system that is to replace it.
        metrics: Which of them decide, each of which must be better; all if empty.
        better: Of a metric, "less" where less is better; more is, of those not named.
        policy: What must be shown, as in a policy file: {"gating": ["accuracy"], "alpha": 0.1}.
        look: Which comparison on these items it is: later ones must show more.
        allow_missing: The share of items that may be missing; None: 0.02.

    Raises:
        ScoresError: a ValueError that says which row, field or item keeps the scores from being
            compared, and what to do.
    """
    try:
        if isinstance(metrics, str):
            raise InputError(f"metrics is one text: say [{metrics!r}]")
        if allow_missing is not None and not 0 <= allow_missing <= 1:
            raise InputError(f"allow_missing is {allow_missing:g}: it is a share, from 0 to 1")
        old_rows, new_rows = sides_of(scores, new)
        logs = [
            log_of_rows(Path(side), enumerate(rows, start=1))
            for side, rows in (("old", old_rows), ("new", new_rows))
        ]
        refuse_unknown_ways(
            better or {}, {m for log in logs for sample in log.samples for m in sample.metrics}
        )
        told = [replace(log, better={TASK: dict(better or {})}) for log in logs]
        table = pair_logs(*told, metrics=metrics, allowed=allow_missing).table
        chosen = (
            policy
            if isinstance(policy, Policy)
            else Policy.model_validate(policy)
            if policy
            else default_policy(table, named=bool(metrics))
        )
        return weigh_and_rule(table, chosen, look)[1]
    except InputError as error:
        raise ScoresError(str(error)) from None


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


def default_policy(table: ScoreTable, *, named: bool = False) -> Policy:
    """The default policy where the table has its metrics, else one by which all it has must win:
    those of which more is better, or all where somebody named them.

    Raises InputError for a table that has nothing to win in. A table of which less of every metric
    is better was asked for by its names.
    """
    judged = any(item.preference is not None for item in table.items)
    there = [*table.metrics, *([PREFERENCE] if judged else [])]
    if set(Policy().gating) <= set(there):
        return Policy()
    ways = {**better_by_ours(), **(table.better or {})}
    wins = ("more", "less") if named else ("more",)
    gating = tuple(metric for metric in there if ways.get(metric, "more") in wins)
    if not gating and table.better:
        gating = tuple(metric for metric in there if ways[metric] == "less")
    if not gating:
        raise WeighingError("no metric of it is one in which more is better")
    return Policy(gating=gating)


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
    rows = list(rows_of(scores))
    if new is not None:
        return rows, list(rows_of(new))
    pairs = [both_sides(row, number) for number, row in enumerate(rows, start=1)]
    return [old for old, _ in pairs], [other for _, other in pairs]


def rows_of(scores: Any) -> Iterator[dict[str, Any]]:
    if hasattr(scores, "to_dict") and hasattr(scores, "columns"):  # a DataFrame, without pandas
        scores = scores.to_dict("records" if "item" in scores.columns else "index")
    if isinstance(scores, Mapping):
        for item, value in scores.items():
            yield {"item": str(item), **(value if isinstance(value, Mapping) else {"score": value})}
        return
    if isinstance(scores, str) or not isinstance(scores, Iterable):
        raise InputError(FORMS)
    for row in scores:
        if not isinstance(row, Mapping):
            raise InputError(f"a row is {type(row).__name__}: {FORMS}")
        yield dict(row)


def both_sides(row: dict[str, Any], number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    names = next((names for names in SIDES_OF_ROW if row.keys() >= set(names)), None)
    if names is None:
        problem = "has not both `old` and `new`: give them, or the new scores as second argument"
        raise InputError(problem, file="scores", line=number)
    about = {name: value for name, value in row.items() if name not in names}
    sides = (row[name] for name in names)
    old, new = ({**about, "scores": s if isinstance(s, Mapping) else {"score": s}} for s in sides)
    return old, new
