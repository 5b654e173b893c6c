"""Trials one after another, kept by Optuna: a search that was killed goes on where it was.

What is tried next is a function of the trials before it, and of nothing else:
each trial gets a sampler of its own (TPE: Bergstra et al. 2011, NeurIPS 24; Watanabe 2023, arXiv
2304.11127), so a search that was interrupted tries what an uninterrupted one does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any, NoReturn, Self

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import qmc

from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generation.answers import versions
from evaluation.scoring.scorers import scorers_digest
from incumbent.searching.compare_on_dev import (
    LOSS,
    Aside,
    Measure,
    aside_here,
    dev_items,
    measure_by,
    train_aside,
)
from incumbent.searching.pace import LOADING, SftSettings, gated_dataset, load_sft_settings, pace
from incumbent.searching.search_result import SearchResult, result_of
from incumbent.searching.search_settings import (
    Range,
    SearchParams,
    Span,
    Trial,
    mean_of,
    refuse_other_shapes,
    value_of,
    with_values,
)
from project.canonical import digest_folder, digest_json
from project.errors import IncumbentError, InputError
from project.files import home, locked, make_folder, write_bytes
from project.paths import EMBEDDER, rows_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.records.record import Digest
from project.records.scores import Better
from project.settings import load
from training.recipe import START_FILE, TrainingStart
from training.rows.experience_replay import rows_to_learn

NAME, JOURNAL = "search", "trials.log"  # of the study, and the file that it is in
STARTUP = 8  # trials that lie evenly, before TPE learns from them
# What is kept with each trial: what was tried, as it was tried, and what came of it.
NUMBER, VALUES, ITEMS, SECONDS, ERROR = "number", "values", "items", "seconds", "error"
STOPPED = "stopped"  # by a person: it is tried again
KILLS = 2  # of one trial, after which it has failed: maybe there is no memory for it

# The values that are tried, and what each dev item gets from the adapter that they make.
Objective = Callable[[Mapping[str, Any]], tuple[float, ...]]

SEED = 0  # of what is tried: for another search there are other ranges, or more trials


class Search:
    """The trials of one search, in a journal that Optuna's own tools read too."""

    def __init__(self, folder: Path, ranges: Mapping[str, Range], better: Better) -> None:
        make_folder(folder)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.ranges = {key: distribution(values) for key, values in ranges.items()}
        self.study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
            study_name=NAME,
            load_if_exists=True,
            direction="minimize" if better == "less" else "maximize",
        )

    def trials(self) -> list[Trial]:
        """Those that are done, in their order."""
        kept = (
            trial.user_attrs for trial in self.frozen() if trial.state is not TrialState.RUNNING
        )
        return [trial_of(attributes) for attributes in kept if NUMBER in attributes]

    def run(
        self,
        objective: Objective,
        count: int,
        *,
        first: Mapping[str, Any] | None = None,
        more: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = perf_counter,
    ) -> Iterator[Trial]:
        """Yield each trial when it is done, until there are so many, earlier ones included.

        `first` is what the first one tries; `more` is asked before each whether it may begin. A
        trial whose training fails is one more trial; bad input ends the search.
        """
        # Fail what a process left that was killed.
        for trial in self.frozen():
            if trial.state is TrialState.RUNNING:
                self.study.tell(trial.number, state=TrialState.FAIL)
        while (number := len(self.trials())) < count and more():
            fixed = first if number == 0 and first else self.spread(number)
            if fixed:
                self.enqueue(fixed)
            self.study.sampler = self.sampler(number)
            yield self.run_trial(number, objective, fixed, clock)

    def spread(self, number: int) -> dict[str, Any] | None:
        """The values of a first trial, as a scrambled Sobol sequence spreads them (Owen 1998)."""
        if number >= STARTUP:
            return None
        points = qmc.Sobol(len(self.ranges), rng=SEED).random(STARTUP)[number].tolist()
        return {
            key: at(u, allowed)
            for u, (key, allowed) in zip(points, self.ranges.items(), strict=True)
        }

    def enqueue(self, values: Mapping[str, Any]) -> None:
        """Let the next trial try these, also where a process was killed before it began."""
        if not any(trial.state is TrialState.WAITING for trial in self.frozen()):
            self.study.enqueue_trial(dict(values))

    def sampler(self, number: int) -> optuna.samplers.BaseSampler:
        seed = int(digest_json(["trial", SEED, number])[:8], 16)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, constant_liar=False)

    def run_trial(
        self,
        number: int,
        objective: Objective,
        fixed: Mapping[str, Any] | None,
        clock: Callable[[], float],
    ) -> Trial:
        """Make one trial: of the values fixed for it, or of those that the sampler gives."""
        trial = self.study.ask(self.ranges)
        values = dict(fixed or {}) or self.rounded(trial.params)
        trial.set_user_attr(VALUES, values)
        start = clock()
        try:
            if self.killed(values) >= KILLS:
                raise IncumbentError(f"killed {KILLS} times: is there memory for it?")
            items = objective(values)
        except KeyboardInterrupt:
            self.finish(trial, {STOPPED: True})
            raise
        except InputError:
            self.finish(trial, {STOPPED: True})
            raise
        except (IncumbentError, MemoryError) as error:
            return self.finish(trial, {ERROR: str(error) or "no memory", NUMBER: number})
        attributes = {ITEMS: list(items), SECONDS: clock() - start, NUMBER: number}
        return self.finish(trial, attributes, fmean(items))

    def finish(
        self, trial: optuna.Trial, attributes: Mapping[str, Any], score: float | None = None
    ) -> Trial:
        """Keep a trial with what was found; without a score it failed."""
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        self.study.tell(trial, score, None if attributes.get(ITEMS) else TrialState.FAIL)
        return trial_of(trial.user_attrs)

    def rounded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: rounded(values[key], allowed) for key, allowed in self.ranges.items()}

    def killed(self, values: Mapping[str, Any]) -> int:
        """How often a trial of these values left nothing."""
        return sum(
            trial.state is TrialState.FAIL
            and trial.user_attrs.get(VALUES) == values
            and not trial.user_attrs.keys() & {NUMBER, STOPPED}
            for trial in self.frozen()
        )

    def frozen(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(has(allowed, values[key]) for key, allowed in self.ranges.items())


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold a search's folder, and mend it. Raises IncumbentError where another process has it."""

    def refuse() -> NoReturn:
        raise IncumbentError(f"another process goes on with this search, in {folder}: wait for it")

    with locked(folder / "lock", refuse):
        mend(folder / JOURNAL)
        yield


def mend(journal: Path) -> None:
    """Cut off a line that was not written to its end, and forget Optuna's own lock."""
    for left in journal.parent.glob(f"{journal.name}.lock*"):
        left.unlink()
    if journal.exists() and not (lines := journal.read_bytes()).endswith(b"\n"):
        write_bytes(journal, lines[: lines.rfind(b"\n") + 1])


def distribution(values: Range) -> BaseDistribution:
    if not isinstance(values, Span):
        return CategoricalDistribution(values)
    low, high, step = values.low, values.high, values.step
    if isinstance(low, int) and isinstance(high, int) and isinstance(step or 1, int):
        return IntDistribution(low, high, log=values.log, step=int(step or 1))
    return FloatDistribution(low, high, log=values.log, step=step)


def rounded(value: Any, of: BaseDistribution) -> Any:
    """The value with three digits: what is tried is what people can write down."""
    if not isinstance(of, FloatDistribution):
        return value
    return min(max(float(f"{value:.3g}"), of.low), of.high)


def at(share: float, of: BaseDistribution) -> Any:
    """The value with this share of a range below it."""
    if isinstance(of, CategoricalDistribution):
        return of.choices[int(share * len(of.choices))]
    assert isinstance(of, FloatDistribution | IntDistribution), "there are no others here"
    width, growth = of.high - of.low, of.high / of.low if of.log else 1.0
    value = of.low * growth**share if of.log else of.low + share * width
    if of.step and not of.log:
        value = of.low + of.step * round(share * width / of.step)
    return round(value) if isinstance(of, IntDistribution) else rounded(value, of)


def has(of: BaseDistribution, value: Any) -> bool:
    if isinstance(of, CategoricalDistribution):
        return value in of.choices
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and bool(of._contains(of.to_internal_repr(value)))


def trial_of(kept: Mapping[str, Any]) -> Trial:
    return Trial(
        number=kept.get(NUMBER, -1),
        values=kept[VALUES],
        items=tuple(kept.get(ITEMS, ())),
        seconds=kept.get(SECONDS),
        error=kept.get(ERROR),
    )


# --- settings search ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tuning:
    """All that a search hangs on, but for how many trials it makes."""

    params: SearchParams
    settings: SftSettings  # the project's own
    aside: Aside
    rows: Sequence[Row]  # all training rows
    items: Sequence[Row]  # dev

    @classmethod
    def here(cls, params: SearchParams) -> Self:
        """The project's search. Raises InputError where there is nothing to search on, or by."""
        settings, aside = load_sft_settings(), aside_here(from_champion=True)
        refuse_other_shapes(list(params.ranges), aside.earlier)
        gated_dataset()
        return cls(params, settings, aside, Row.read_lines(rows_of(Split.TRAIN)), dev_items())

    @cached_property
    def measured_by(self) -> tuple[Measure, Better]:
        return measure_by(self.params.metric, self.items, self.aside)

    @property
    def better(self) -> Better:
        return self.measured_by[1]

    @property
    def own(self) -> dict[str, Any]:
        """The project's own values of what is tried."""
        return {key: value_of(self.settings, key) for key in self.params.ranges}

    @property
    def folder(self) -> Path:
        return home() / "search" / self.key[:16]

    @property
    def key(self) -> Digest:
        """The digest of all that decides what is tried and what dev says: equal searches go on."""
        earlier, metric = self.aside.earlier.folder, self.params.metric
        by = [load(Decoding).digest, scorers_digest(load(ScoringParams))]
        return digest_json(
            [
                self.params.model_dump(mode="json", exclude={"trials", "minutes"}),
                [self.settings.adapter.digest, self.settings.sft.digest],
                [self.aside.base.digest, self.aside.numerics.digest],
                earlier and digest_folder(earlier),
                [digest_json([row.digest for row in rows]) for rows in (self.rows, self.items)],
                [] if metric == LOSS else [*by, ModelPin.read(EMBEDDER).digest],
                [*versions(), f"optuna {version('optuna')}"],
            ]
        )

    def objective(self, values: Mapping[str, Any]) -> tuple[float, ...]:
        """What each dev item gets from an adapter that is trained with these values."""
        settings = with_values(self.settings, values)
        folder = train_aside(self.learnt(settings), self.aside, settings)
        return self.measured_by[0](folder)

    def learnt(self, settings: SftSettings) -> Sequence[Row]:
        """The rows that step `sft` learns under these settings."""
        rows = self.rows[: settings.sft.rows]
        if not self.aside.earlier.start:
            return rows
        return rows_to_learn(
            rows, TrainingStart.read(START_FILE), settings.sft, settings.adapter.seed
        )

    def result(self, trials: Sequence[Trial]) -> SearchResult:
        return result_of(
            trials,
            [row.group for row in self.items],
            metric=self.params.metric,
            better=self.better,
            wanted=self.params.trials,
            own=self.own,
        )

    def expected(self, trials: int) -> float | None:
        """Minutes of so many trials, with as many epochs as are tried on average."""
        speed, epochs = pace(self.aside.numerics), self.params.ranges.get("sft.epochs")
        settings = self.settings
        if epochs:
            settings = with_values(settings, {"sft.epochs": mean_of(epochs)})
        if speed is None:
            return None
        learning = speed.learning(self.learnt(settings), settings)
        by_loss = self.params.metric == LOSS
        asked = speed.reading(self.items) if by_loss else speed.answering(self.items)
        return trials * (learning + asked + LOADING)
