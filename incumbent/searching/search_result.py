"""What a search found, in numbers and in words."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.decision.statistics import Array, bounds, paired
from incumbent.searching.search_settings import (
    Range,
    Span,
    Trial,
    as_command,
    as_params,
    as_yaml,
    best_of,
)
from project.canonical import digest_json
from project.files import write_bytes
from project.html import Axis, Mark, Panel, padded, render
from project.records.data import counted
from project.records.record import Record
from project.records.scores import Better

# --- best of many ---------------------------------------------------------------------------------

# What the best of many trials gains over the project's own settings, as if dev had not chosen it.
#
# The best of many is best by luck too: its dev score flatters it. So the choice is made again on
# items drawn anew, and what it gains is read on the items that were not drawn (bootstrap bias
# corrected: Tsamardinos, Greasidou & Borboudakis 2018, Machine Learning 107: 1895). The interval is
# that of a decision, clustered by the items' groups, around the corrected gain.

RESAMPLES = 1000
FEWEST = 8  # groups of items: with fewer, too often none is left that was not drawn
LEVEL = 0.9  # of the interval


class TrialGain(Record):
    """The gain of a mean over dev items; above 0 the best trial is better, in any metric."""

    seen: float  # on the items that chose it
    corrected: float  # on items that did not
    low: float  # of the interval around the corrected gain
    high: float
    level: float = LEVEL


def gain_of_best(
    scores: Array, place: int, groups: Sequence[str], better: Better
) -> TrialGain | None:
    """Of scores [trials, items] against the trial at `own`, by groups; None with too few."""
    gains = (scores - scores[place]) * (-1 if better == "less" else 1)
    number = {name: i for i, name in enumerate(sorted(set(groups)))}
    if len(number) < FEWEST:
        return None
    index = np.array([number[name] for name in groups])
    members = np.equal.outer(np.arange(len(number)), index).astype(np.float64)  # [groups, items]
    sums, sizes = gains @ members.T, members.sum(axis=1)  # [trials, groups], [groups]
    best = paired(gains[int(gains.mean(axis=1).argmax())], groups)
    corrected = float(on_items_left_out(sums, sizes).mean())
    low, high = bounds(corrected, best.se, best.df, (1 - LEVEL) / 2)
    return TrialGain(seen=best.diff, corrected=corrected, low=low, high=high)


def on_items_left_out(sums: Array, sizes: Array) -> Array:
    """Gains [resamples] of whichever trial is best on drawn groups, on those not drawn.

    `sums` [trials, groups] are of the gains of a group's items, `sizes` [groups] their number. The
    seed is a function of the data.
    """
    rng = np.random.default_rng(int(digest_json(sums.tolist())[:16], 16))
    count = len(sizes)
    gains: list[float] = []
    while len(gains) < RESAMPLES:
        drawn = np.bincount(rng.integers(count, size=count), minlength=count)
        left = drawn == 0
        if left.any():
            best = int(np.argmax(sums @ drawn / (sizes @ drawn)))
            gains.append(sums[best, left].sum() / sizes[left].sum())
    return np.array(gains)


# --- search result --------------------------------------------------------------------------------


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
    gain: TrialGain | None  # of the best over the project's own
    items: int
    clusters: int

    @property
    def best_trial(self) -> TrialLine | None:
        return next((trial for trial in self.trials if trial.number == self.best), None)

    @property
    def next_steps(self) -> tuple[str, str] | None:
        """Lines for params.yaml, and the command of an experiment; None where nothing is better."""
        best = self.best_trial
        if best is None or best.number == self.own:
            return None
        return as_params(best.values), as_command(best.values)

    def write_page(self, ranges: Mapping[str, Range], path: Path) -> None:
        """Each setting that was tried, and the score over its values."""
        page = render(
            TEMPLATE,
            result=self,
            sentences=self.sentences,
            steps=self.next_steps,
            keys=list(ranges),
            panels=panels(self, ranges),
            written=as_yaml,
        )
        write_bytes(path, page.encode())

    @property
    def scored(self) -> int:
        return sum(trial.score is not None for trial in self.trials)

    @property
    def sentences(self) -> list[str]:
        """The outcome in plain words and what it is worth, in lines for a screen of 80 columns."""
        best = self.best_trial
        if best is None:
            return [
                f"all {counted(len(self.trials), 'trial')} failed: none of them gave an adapter"
            ]
        lines = [f"best of {self.scored}: {score_in_words(best, self.metric)}"]
        lines += against_own(self)
        lines.append(
            f"dev chose among {counted(self.scored, 'adapter')}: the best score is optimistic, "
            "sealed decides"
        )
        if len(self.trials) < self.wanted:
            left = self.wanted - len(self.trials)
            lines.append(f"{counted(left, 'trial')} not made: run it again to go on")
        return lines


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
    best, scored = best_of(trials, better), [trial for trial in trials if trial.items]
    ours = next((i for i, trial in enumerate(scored) if trial.values == dict(own)), None)
    gain = None
    if ours is not None and len(scored) > 1:
        scores = np.array([trial.items for trial in scored], dtype=np.float64)
        gain = gain_of_best(scores, ours, groups, better)
    return SearchResult(
        metric=metric,
        better=better,
        trials=tuple(line_of(trial) for trial in trials),
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
    values = ", ".join(f"{short(key)} {as_yaml(value)}" for key, value in trial.values.items())
    return f"{score_in_words(trial, metric)}; {values}"


def score_in_words(trial: TrialLine | Trial, metric: str) -> str:
    outcome = f"failed: {trial.error}" if trial.score is None else f"{metric} {trial.score:.4f}"
    taken = f", {trial.seconds / 60:.1f} min" if trial.seconds is not None else ""
    return f"trial {trial.number + 1}: {outcome}{taken}"


def short(key: str) -> str:
    return key.partition(".")[2]


def against_own(search_result: SearchResult) -> list[str]:
    if search_result.own is None:
        return ["the settings of params.yaml lie outside of the ranges: nothing to compare with"]
    if search_result.best == search_result.own:
        return ["the settings of params.yaml are the best of those that were tried"]
    if search_result.gain is None:
        return [f"{search_result.clusters} groups of dev items are too few to say what it gains"]
    gain = search_result.gain
    interval = f"[{gain.low:+.4f}, {gain.high:+.4f}]"
    shown = (
        ""
        if search_result.gain is not None and search_result.gain.low > 0
        else ", no gain is shown"
    )
    return [
        f"on the items that chose it: better than params.yaml by {gain.seen:.4f}",
        f"on items that did not: by {gain.corrected:.4f} {interval}{shown}",
    ]


# --- search page ----------------------------------------------------------------------------------

TEMPLATE = Path(__file__).parent / "templates" / "search.html"
WIDTH, HEIGHT = 240, 130


def panels(search_result: SearchResult, ranges: Mapping[str, Range]) -> list[Panel]:
    """The scores in the order of the trials, and over each setting."""
    scored = [(trial, trial.score) for trial in search_result.trials if trial.score is not None]
    if not scored:
        return []
    up = Axis(*padded([score for _, score in scored]), HEIGHT, upward=True)
    in_order = Axis(1, max(2, len(search_result.trials)), WIDTH)
    made = [panel("trial after trial", in_order, up, search_result, lambda trial: trial.number + 1)]
    for key, values in ranges.items():
        made.append(setting_panel(key, values, up, search_result))
    return made


def setting_panel(key: str, values: Range, up: Axis, search_result: SearchResult) -> Panel:
    if isinstance(values, Span):
        across = Axis(values.low, values.high, WIDTH, log=values.log)
        return panel(short(key), across, up, search_result, lambda trial: trial.values[key])
    places = {repr(value): float(i) for i, value in enumerate(values)}
    across = Axis(-0.5, len(values) - 0.5, WIDTH)
    names = [(across.at(i), as_yaml(value)) for i, value in enumerate(values)]
    return panel(
        short(key), across, up, search_result, lambda trial: places[repr(trial.values[key])], names
    )


def panel(
    title: str,
    across: Axis,
    up: Axis,
    search_result: SearchResult,
    place: Callable[[TrialLine], float],
    names: Sequence[tuple[float, str]] = (),
) -> Panel:
    tried = [(trial, trial.score) for trial in search_result.trials if trial.score is not None]
    tried.sort(key=lambda pair: pair[0].number == search_result.best)  # the best on top
    return Panel(
        title=title,
        width=WIDTH,
        height=HEIGHT,
        across=names or across.ticks(3),
        levels=up.grid(),
        marks=[
            mark(trial, across.at(place(trial)), up.at(score), search_result)
            for trial, score in tried
        ],
    )


def mark(trial: TrialLine, x: float, y: float, search_result: SearchResult) -> Mark:
    label = in_words(trial, search_result.metric)
    if trial.number == search_result.best:
        return Mark(x, y, label, shape="diamond", tone="good")
    if trial.number == search_result.own:
        return Mark(x, y, label, shape="square", tone="ink")
    return Mark(x, y, label)
