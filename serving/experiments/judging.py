"""An experiment's figures, and what follows from them: a pure function of what came in.

Alpha is the chance that an experiment between two equals ever ends with a verdict. It is split over
what can end it, so that the levels are at most alpha together (Bonferroni): most for harm in the
metric, since that is what has to be found soon. A win can wait: it changes nothing by itself.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np

from registry.experiments.experiment_events import Experiment
from registry.experiments.experiment_result import (
    Arms,
    Comparison,
    ExperimentResult,
    Health,
    Verdict,
)
from serving.experiments.arrivals import Arrivals, Series, limited
from serving.experiments.bets import log_capital
from serving.experiments.confidence import bounds
from serving.experiments.differences import Counts, Differences, at_random, side_by_side
from serving.experiments.measures import LESS_IS_BETTER, MEASURED, Guardrail
from serving.experiments.sample_ratio import ALPHA, finite, ratio_e_value

HARM, GUARDRAILS, WIN = 0.8, 0.1, 0.05  # shares of alpha
# Users of one caller that it takes at least for a verdict in the metric: names can be made up, and
# what is said under them. What the gateway measures itself, the guardrails, is not capped.
LEAST_OF_ONE = 40


@dataclass(frozen=True)
class Levels:
    """The chance of each false verdict; 0: it is not asked about."""

    harm: float
    better: float
    guardrail: float


def levels(experiment: Experiment) -> Levels:
    """A canary asks about harm alone. Of a shadow no user can say anything: guardrails have all."""
    alpha, told = experiment.alpha, experiment.told
    shadow = told.mode == "shadow"
    return Levels(
        harm=0.0 if shadow else HARM * alpha,
        better=WIN * alpha if told.mode == "ab" else 0.0,
        guardrail=alpha * (1.0 if shadow else GUARDRAILS) / max(1, len(told.guardrails)),
    )


def judge(result: ExperimentResult) -> Verdict | None:
    """What ends the experiment; None: it goes on. Harm comes first.

    A win needs arms that can be compared: harm may be an artefact too, but then to stop is safe.
    """
    if harmful(result):
        return "harm"
    return "better" if won(result.metric) and result.health.sound else None


def won(metric: Comparison | None) -> bool:
    if metric is None or metric.better is None or metric.better_needed is None:
        return False
    return metric.better >= metric.better_needed


def harmful(result: ExperimentResult) -> tuple[Comparison, ...]:
    """In what the challenger is worse."""
    return tuple(one for one in result.comparisons if one.harm >= one.harm_needed)


def figures(experiment: Experiment, arrivals: Arrivals, *, intervals: bool) -> ExperimentResult:
    """All figures. The bounds of the differences take longest: without, they are −1 and 1."""
    level = levels(experiment)
    told, users = experiment.told, arrivals.users()
    metric = None
    if level.harm:
        found = arrivals.series(told.metric)
        metric = comparison(
            experiment,
            told.metric,
            found,
            level,
            None,
            intervals=intervals,
            callers=arrivals.callers(told.metric),
        )
    return ExperimentResult(
        experiment=experiment.number,
        counted=arrivals.newest,
        users=counts(users),
        metric=metric,
        guardrails=tuple(
            guardrail(experiment, cast(Guardrail, name), arrivals, level, intervals=intervals)
            for name in told.guardrails
        ),
        health=health(experiment, arrivals, users),
    )


def guardrail(
    experiment: Experiment, name: Guardrail, arrivals: Arrivals, level: Levels, *, intervals: bool
) -> Comparison:
    found, limit = arrivals.series(name), None
    if name in MEASURED:
        found, limit = limited(found, pairs=arrivals.shadow)
    own = Levels(level.guardrail, 0.0, 0.0)
    return comparison(experiment, name, found, own, limit, intervals=intervals)


def comparison(
    experiment: Experiment,
    name: str,
    found: Series,
    level: Levels,
    limit: float | None,
    *,
    intervals: bool,
    callers: Counts | None = None,
) -> Comparison:
    """Values of which less is better are turned around for the bets, and back for people."""
    turned = name in LESS_IS_BETTER
    good = Series(found.challenger, 1 - found.values if turned else found.values)
    differences = differences_of(experiment, good)
    low, high = bounds(differences, experiment.alpha) if intervals else (-1.0, 1.0)
    means = Arms(champion=found.mean(challenger=False), challenger=found.mean(challenger=True))
    return Comparison(
        name=name,
        more_is_better=not turned,
        users=counts(found),
        means=means,
        difference=means.challenger - means.champion,
        interval=(-high, -low) if turned else (low, high),
        limit=limit,
        harm=peak(differences, level.harm, callers),
        harm_needed=1 / level.harm,
        better=peak(differences.turned(), level.better, callers) if level.better else None,
        better_needed=1 / level.better if level.better else None,
    )


def differences_of(experiment: Experiment, good: Series) -> Differences:
    if experiment.told.mode == "shadow":
        return side_by_side(good.values[1::2], good.values[::2])
    return at_random(good.challenger, good.values, experiment.share)


def peak(differences: Differences, level: float, callers: Counts | None) -> float:
    """The most that the evidence of harm ever was: what was enough once stays enough."""
    logs = log_capital(differences, callers, -np.log(level) / LEAST_OF_ONE)
    return finite(float(np.max(logs, initial=0.0)))


def counts(found: Series) -> Arms:
    return Arms(champion=found.count(challenger=False), challenger=found.count(challenger=True))


def health(experiment: Experiment, arrivals: Arrivals, users: Series) -> Health:
    told = experiment.told
    if told.mode == "shadow":  # every user is answered by both
        return Health(
            ratio=1.0, feedback_ratio=None, ratio_needed=1 / ALPHA, both_arms=0, waiting=0
        )
    spoken = arrivals.series(told.metric)
    return Health(
        ratio=ratio_e_value(users.challenger, experiment.share),
        feedback_ratio=ratio_e_value(spoken.challenger, experiment.share),
        ratio_needed=1 / ALPHA,
        both_arms=len(arrivals.both_arms),
        waiting=len(users.values) - len(spoken.values),
    )
