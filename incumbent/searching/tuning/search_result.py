"""What a search found, in numbers and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from incumbent.searching.tuning.best_of_many import Gain, gain_of_best
from incumbent.searching.tuning.recipe_values import as_command, as_params, as_yaml
from incumbent.searching.tuning.trial import Trial, best_of
from project.records.data import counted
from project.records.record import Record
from project.records.scores import Better


class TrialLine(Record):
    """A trial without the scores of its items."""

    number: int
    values: dict[str, Any]
    score: float | None  # None: it failed
    seconds: float | None
    error: str | None


class SearchResult(Record):
    metric: str
    better: Better
    trials: tuple[TrialLine, ...]
    wanted: int  # trials
    best: int | None  # the number of the best trial; None: all failed
    own: int | None  # that of the project's own settings; None: they lie outside of the ranges
    gain: Gain | None  # of the best over the project's own
    items: int
    clusters: int

    @property
    def best_trial(self) -> TrialLine | None:
        return next((one for one in self.trials if one.number == self.best), None)

    @property
    def scored(self) -> int:
        return sum(one.score is not None for one in self.trials)

    @property
    def finds_better(self) -> bool:
        """Whether the best is better than the project's own, the luck of the choice aside."""
        return self.gain is not None and self.gain.low > 0


def result_of(
    trials: Sequence[Trial],
    groups: Sequence[str],
    *,
    metric: str,
    better: Better,
    wanted: int,
    own: Mapping[str, Any],
) -> SearchResult:
    """`groups` are of the dev items, `own` the project's values of what was tried."""
    best, scored = best_of(trials, better), [one for one in trials if one.items]
    ours = next((i for i, one in enumerate(scored) if one.values == dict(own)), None)
    gain = None
    if ours is not None and len(scored) > 1:
        scores = np.array([one.items for one in scored], dtype=np.float64)
        gain = gain_of_best(scores, ours, groups, better)
    return SearchResult(
        metric=metric,
        better=better,
        trials=tuple(line_of(one) for one in trials),
        wanted=wanted,
        best=best.number if best else None,
        own=scored[ours].number if ours is not None else None,
        gain=gain,
        items=len(groups),
        clusters=len(set(groups)),
    )


def line_of(trial: Trial) -> TrialLine:
    return TrialLine(
        number=trial.number,
        values=trial.values,
        score=trial.score,
        seconds=trial.seconds,
        error=trial.error,
    )


def in_words(trial: TrialLine | Trial, metric: str) -> str:
    """A trial in a line, with what was tried."""
    values = ", ".join(f"{short(key)} {as_yaml(value)}" for key, value in trial.values.items())
    return f"{score_in_words(trial, metric)}; {values}"


def score_in_words(trial: TrialLine | Trial, metric: str) -> str:
    said = f"failed: {trial.error}" if trial.score is None else f"{metric} {trial.score:.4f}"
    taken = f", {trial.seconds / 60:.1f} min" if trial.seconds is not None else ""
    return f"trial {trial.number + 1}: {said}{taken}"


def short(key: str) -> str:
    return key.partition(".")[2]


def sentences(found: SearchResult) -> list[str]:
    """The outcome in plain words and what it is worth, in lines for a screen of 80 columns."""
    best = found.best_trial
    if best is None:
        return [f"all {counted(len(found.trials), 'trial')} failed: none of them gave an adapter"]
    lines = [f"best of {found.scored}: {score_in_words(best, found.metric)}"]
    lines += against_own(found)
    lines.append(
        f"dev chose among {counted(found.scored, 'adapter')}: the best score is optimistic, "
        "sealed decides"
    )
    if len(found.trials) < found.wanted:
        left = found.wanted - len(found.trials)
        lines.append(f"{counted(left, 'trial')} not made: run it again to go on")
    return lines


def against_own(found: SearchResult) -> list[str]:
    if found.own is None:
        return ["the settings of params.yaml lie outside of the ranges: nothing to compare with"]
    if found.best == found.own:
        return ["the settings of params.yaml are the best of those that were tried"]
    if found.gain is None:
        return [f"{found.clusters} groups of dev items are too few to say what it gains"]
    gain = found.gain
    interval = f"[{gain.low:+.4f}, {gain.high:+.4f}]"
    shown = "" if found.finds_better else ", no gain is shown"
    return [
        f"on the items that chose it: better than params.yaml by {gain.seen:.4f}",
        f"on items that did not: by {gain.corrected:.4f} {interval}{shown}",
    ]


def next_steps(found: SearchResult) -> tuple[str, str] | None:
    """Lines for params.yaml, and the command of an experiment with them; None where nothing is
    better than what stands there.
    """
    best = found.best_trial
    if best is None or best.number == found.own:
        return None
    return as_params(best.values), as_command(best.values)
