"""An experiment's figures, and what follows from them: a pure function of what came in.

Alpha is the chance that an experiment between two equals ever ends with a verdict. It is split over
what can end it, so that the levels are at most alpha together (Bonferroni): most for harm in the
metric, since that is what has to be found soon. A win can wait: it changes nothing by itself.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy import special

from evaluation.decision.statistics import log_capital_above, log_capital_of, smallest
from registry.experiment_events import (
    ArmComparison,
    Arms,
    Experiment,
    ExperimentHealth,
    ExperimentResult,
    Verdict,
)
from serving.experiments.arrivals import (
    ArmSeries,
    Array,
    Arrivals,
    Counts,
    Differences,
    Flags,
    at_random,
    limited,
    side_by_side,
)
from serving.experiments.opening import LESS_IS_BETTER, MEASURED, Guardrail

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


def won(metric: ArmComparison | None) -> bool:
    if metric is None or metric.better is None or metric.better_needed is None:
        return False
    return metric.better >= metric.better_needed


def harmful(result: ExperimentResult) -> tuple[ArmComparison, ...]:
    """The comparisons in which the challenger is worse."""
    return tuple(pair for pair in result.comparisons if pair.harm >= pair.harm_needed)


def figures(experiment: Experiment, arrivals: Arrivals, *, intervals: bool) -> ExperimentResult:
    """All figures. The bounds of the differences take longest: without, they are −1 and 1."""
    level = levels(experiment)
    told, users = experiment.told, arrivals.users()
    metric = None
    if level.harm:
        series = arrivals.series(told.metric)
        metric = comparison(
            experiment,
            told.metric,
            series,
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
) -> ArmComparison:
    series, limit = arrivals.series(name), None
    if name in MEASURED:
        series, limit = limited(series, pairs=arrivals.shadow)
    of_guardrail = Levels(level.guardrail, 0.0, 0.0)
    return comparison(experiment, name, series, of_guardrail, limit, intervals=intervals)


def comparison(
    experiment: Experiment,
    name: str,
    series: ArmSeries,
    level: Levels,
    limit: float | None,
    *,
    intervals: bool,
    callers: Counts | None = None,
) -> ArmComparison:
    """Values of which less is better are turned around for the bets, and back for people."""
    turned = name in LESS_IS_BETTER
    good = ArmSeries(series.challenger, 1 - series.values if turned else series.values)
    differences = (
        side_by_side(good.values[1::2], good.values[::2])
        if experiment.told.mode == "shadow"
        else at_random(good.challenger, good.values, experiment.share)
    )
    low, high = bounds(differences, experiment.alpha) if intervals else (-1.0, 1.0)
    means = Arms(champion=series.mean(challenger=False), challenger=series.mean(challenger=True))
    return ArmComparison(
        name=name,
        more_is_better=not turned,
        users=counts(series),
        means=means,
        difference=means.challenger - means.champion,
        interval=(-high, -low) if turned else (low, high),
        limit=limit,
        harm=peak(differences, level.harm, callers),
        harm_needed=1 / level.harm,
        better=peak(differences.turned(), level.better, callers) if level.better else None,
        better_needed=1 / level.better if level.better else None,
    )


def peak(differences: Differences, level: float, callers: Counts | None) -> float:
    """The most that the evidence of harm ever was: what was enough once stays enough."""
    logs = log_capital(differences, callers, -np.log(level) / LEAST_OF_ONE)
    return finite(float(np.max(logs, initial=0.0)))


def counts(series: ArmSeries) -> Arms:
    return Arms(champion=series.count(challenger=False), challenger=series.count(challenger=True))


def health(experiment: Experiment, arrivals: Arrivals, users: ArmSeries) -> ExperimentHealth:
    told = experiment.told
    if told.mode == "shadow":  # every user is answered by both
        return ExperimentHealth(
            ratio=1.0, feedback_ratio=None, ratio_needed=1 / ALPHA, both_arms=0, waiting=0
        )
    spoken = arrivals.series(told.metric)
    return ExperimentHealth(
        ratio=ratio_e_value(users.challenger, experiment.share),
        feedback_ratio=ratio_e_value(spoken.challenger, experiment.share),
        ratio_needed=1 / ALPHA,
        both_arms=len(arrivals.both_arms),
        waiting=len(users.values) - len(spoken.values),
    )


# --- sample ratio ---------------------------------------------------------------------------------

# Whether users fell to the arms as the share says: where they did not, something chose them.
#
# An e-value that may be looked at at any time: the chance of this very row of arms, averaged over
# shares around the stated one (a Beta distribution), by its chance at the stated one (Lindon &
# Malek 2022, "Anytime-valid inference for multinomial count data"; Ville 1939).

ALPHA = 0.001
WEIGHT = 100.0  # users' worth of belief in the stated share


def ratio_e_value(challenger: Flags, share: float) -> float:
    """The most that the evidence against the share ever was, in the order of arrival [T]."""
    if not len(challenger):
        return 1.0
    treated = np.cumsum(challenger)
    others = np.arange(1, len(challenger) + 1) - treated
    a, b = WEIGHT * share, WEIGHT * (1 - share)
    logs = special.betaln(a + treated, b + others) - special.betaln(a, b)
    logs -= treated * np.log(share) + others * np.log1p(-share)
    return finite(max(0.0, float(logs.max())))


def finite(log: float) -> float:
    """A number of its logarithm, that a record can hold."""
    return float(np.exp(min(log, 600.0)))


# --- bets -----------------------------------------------------------------------------------------

# The bets of evaluation.decision.statistics, on −X: where the challenger is not worse, X has a mean
# of at least 0, and a bet b is small enough where b X ≤ 1. For yes and no as values, these are the
# e-variables of Turner, Ly & Grünwald (2024, "Generic E-variables for exact sequential k-sample
# tests that allow for optional stopping") for a known chance of assignment: the likelihood of the
# arm's own rate by that of the rate over both.
#
# One caller's users may be made up. So each caller's part of log K_t counts at most a fixed amount
# for each of its users (`most`). What counts is never more than K_t: the theorem holds for it too.
#
# The bet that lets the capital grow most where the difference is −d is about d by the variance
# (Kelly). d is not known: the capital is laid on three of them.

# Differences that are bet on, and the share of the capital on each: most on what matters.
HARMS = ((0.05, 0.1), (0.12, 0.7), (0.3, 0.2))
RISKED = 0.95  # of the capital at most, on one answer


def log_capital(
    differences: Differences, callers: Counts | None = None, most: float = np.inf
) -> Array:
    """The logarithm of the capital after each user [..., T], laid on the challenger's being worse.

    Turn the differences around to bet on its being better. With `callers`, whose user each is [T],
    a caller's part is at most `most` for each of its users.
    """
    bets = [bet(differences, harm) for harm, _ in HARMS]
    steps = [np.log1p(-b * differences.found) for b in bets]
    if callers is not None:
        steps = [capped(step, callers, most) for step in steps]
    return log_capital_of(np.stack(steps), np.array([share for _, share in HARMS]))


def bet(differences: Differences, harm: float) -> Array:
    most: Array = np.minimum(harm / differences.variance, RISKED / differences.most)
    return most


def capped(steps: Array, callers: Counts, most: float) -> Array:
    """Steps [T] whose sums for each caller are at most `most` for each of its users until then."""
    order = np.argsort(callers, kind="stable")
    sums = np.cumsum(steps[order])
    starts = np.flatnonzero(np.diff(callers[order], prepend=-1))  # the first of each caller
    sizes = np.diff(starts, append=len(order))
    before = np.repeat(sums[starts] - steps[order][starts], sizes)
    number = np.arange(len(order)) - np.repeat(starts, sizes) + 1
    kept = np.minimum(sums - before, most * number)
    rises = np.diff(kept, prepend=0.0)
    rises[starts] = kept[starts]
    bounded = np.empty_like(steps)
    bounded[order] = rises
    return bounded


# --- confidence -----------------------------------------------------------------------------------

# Bounds of a difference that hold at all times at once, to show to people.
#
# A difference d is refuted when the bets against X − d have ever grown to 2/alpha: what is not
# refuted is between the bounds.

SHARES = np.array([0.01, 0.03, 0.1, 0.3, 0.6])  # of the most that can be risked
HALVINGS = 20  # to a millionth


def bounds(differences: Differences, alpha: float) -> tuple[float, float]:
    """The bounds of challenger − champion, from −1 to 1, with 1 − alpha."""
    enough = float(np.log(2 / alpha))
    low = unrefuted(differences, enough)
    high = -unrefuted(differences.turned(), enough)
    return (low, high) if low <= high else ((low + high) / 2,) * 2


def unrefuted(differences: Differences, enough: float) -> float:
    """The smallest difference that is not refuted: the capital falls as the difference rises."""
    if not differences.found.size:
        return -1.0
    observed, least = differences.found, differences.least
    return smallest(
        lambda d: float(log_capital_above(d, observed, least, SHARES).max()) < enough,
        *(-1.0, 1.0, HALVINGS),
    )
