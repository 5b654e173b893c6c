"""Experiments as the pages show them: who answered whom, and what came of it."""

from math import inf
from typing import Literal

from project.errors import IncumbentError
from project.records.events import Event, ExperimentEnded
from project.records.record import Record
from registry.experiments.experiment_events import (
    Experiment,
    experiments,
    result_of,
    running_experiment,
)
from registry.experiments.experiment_result import Comparison, ExperimentResult, Verdict
from registry.reader import RegistryReader
from review.frame.event_words import experiment_words

Finding = Literal["worse", "better", "not shown"]


class ExperimentEnd(Record):
    """What came of an experiment, and the figures that were kept then."""

    at: str  # RFC 3339, UTC
    by: str
    verdict: Verdict
    reason: str  # a gateway says here in what the challenger was worse or better
    result: ExperimentResult | None
    problem: str | None  # why there are no figures

    @property
    def by_itself(self) -> bool:
        """Whether the figures ended it. Else a person did, or one of its two sides was gone."""
        return self.verdict in ("harm", "better")

    @property
    def figures(self) -> tuple[tuple[Comparison, Finding], ...]:
        """The metric first, then the guardrails."""
        found = self.result.comparisons if self.result else ()
        return tuple((one, finding(one)) for one in found)


class ExperimentView(Record):
    """One experiment. Its salt is left out: gateways alone need it."""

    number: int
    version: int  # the challenger
    against: int | None  # the champion then; None: the bare base
    mode: str
    share: float  # of users; in a shadow, of requests
    metric: str | None  # None: a shadow, of whose answers no user can say anything
    alpha: float
    words: str  # all of that in a sentence's part
    since: str  # RFC 3339, UTC
    by: str
    reason: str
    end: ExperimentEnd | None  # None: it runs


def running(reader: RegistryReader) -> ExperimentView | None:
    found = running_experiment(reader)
    return view(reader, found) if found else None


def view(reader: RegistryReader, one: Experiment) -> ExperimentView:
    told = one.told
    return ExperimentView(
        number=one.number,
        version=one.version,
        against=told.champion,
        mode=told.mode,
        share=one.share,
        metric=None if told.mode == "shadow" else told.metric,
        alpha=one.alpha,
        words=experiment_words(told),
        since=one.opened.at,
        by=one.opened.actor,
        reason=one.opened.reason,
        end=end(reader, one, one.ended) if one.ended else None,
    )


def end(reader: RegistryReader, one: Experiment, ended: Event) -> ExperimentEnd:
    """Figures that cannot be read are said to be so: the verdict stands in the history."""
    result, problem = None, None
    try:
        result = result_of(reader, one)
    except IncumbentError as error:
        problem = str(error)
    return ExperimentEnd(
        at=ended.at,
        by=ended.actor,
        verdict=ended.told(ExperimentEnded).verdict,
        reason=ended.reason,
        result=result,
        problem=problem,
    )


def experiments_with(reader: RegistryReader, version: int) -> tuple[ExperimentView, ...]:
    """Those in which the version was the challenger, the newest first."""
    return tuple(view(reader, one) for one in experiments(reader) if one.version == version)


def finding(one: Comparison) -> Finding:
    """What the evidence was enough for. Harm comes first, as it does in the verdict."""
    if one.harm >= one.harm_needed:
        return "worse"
    won = one.better is not None and one.better >= (one.better_needed or inf)
    return "better" if won else "not shown"
