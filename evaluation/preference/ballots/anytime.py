"""The same estimate as a bet, for people who look after every vote and stop when they like.

Each draw t of an item i, by its chance q_i, brings the inverse-probability-weighted difference

    X_t = ½ + λ_t (F − ½) + (y_i − ½ − λ_t (f_i − ½)) / (N q_i),

where f is the judge's word on the N items, F its mean, y people's word, and λ_t depends on earlier
draws alone. Given those, the mean of X_t is θ, people's mean over the N items, however bad the
judge is; and X_t is never under a_t, which is known before the draw. The bets are those of
evaluation.decision.statistics on a mean, BETS of what can be risked.

It is a statement about these N items. What people would say of further items, of which these are
a sample, it does not bound: with a vote on every item it is sure of their mean. So the gate takes
the smaller of two e-values, of this one and of evaluation.decision.preference_doubts's, which is
about items to come; where either null hypothesis holds, the smaller one is under an e-value of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf

import numpy as np

from evaluation.decision.statistics import LARGEST_EXPONENT, Array, log_capital_above

BETS = (np.arange(20) + 0.5) / 20
SHRUNK = 5  # draws without any tie between judge and people, imagined before the first one


@dataclass(frozen=True)
class Draws:
    """What the bets are on: for each of T draws the difference, and what it can be at least."""

    found: Array  # X
    least: Array  # a


def e_value(
    judge: Sequence[float],
    votes: Sequence[tuple[int, float]],
    chances: Sequence[float],
    above: float = 0.5,
) -> float:
    """Evidence that people's mean over these items exceeds `above`, in (0, 1); 1 before any vote.

    `votes` are the draws in their order, as estimate.combined has them. Infinite beyond the float
    range. Raises ValueError for numbers that fit nothing.
    """
    logs = log_capital(differences(judge, votes, chances), above)
    return to_number(float(logs[-1])) if len(logs) else 1.0


def log_capital(draws: Draws, above: float) -> Array:
    """The logarithm of what the bets have become, after each draw [T]."""
    if not 0 < above < 1:
        raise ValueError(f"{above!r} is no mean to exceed")
    return log_capital_above(above, draws.found, draws.least, BETS)


def differences(
    judge: Sequence[float], votes: Sequence[tuple[int, float]], chances: Sequence[float]
) -> Draws:
    """X and a of each draw. Raises ValueError for lengths that differ, and for what is no vote."""
    q = np.asarray(chances, dtype=np.float64)
    if len(q) != len(judge) or not len(q) or q.min() <= 0 or abs(float(q.sum()) - 1) > 1e-6:
        raise ValueError("needs a chance above 0 for each item, and 1 in all")
    if any(not 0 <= i < len(q) or not 0 <= y <= 1 for i, y in votes):
        raise ValueError("there is a vote on no item, or with no word from 0 to 1")
    lean = np.asarray(judge, dtype=np.float64) - 0.5
    raised = 1 / (len(q) * q)
    drawn = np.array([i for i, _ in votes], dtype=np.int64)
    said = np.array([y for _, y in votes], dtype=np.float64) - 0.5
    mean = float(lean.mean())
    moves = lean * raised - mean  # of mean 0 over the draws
    tuning = predictable(moves[drawn], said * raised[drawn], float(q @ np.square(moves)))
    found = 0.5 + tuning * mean + (said - tuning * lean[drawn]) * raised[drawn]
    # Between λ = 0 and 1 the largest loss is convex in λ, so it is under the straight line.
    most = (1 - tuning) * 0.5 * raised.max() + tuning * ((0.5 + lean) * raised).max()
    return Draws(found, 0.5 + tuning * mean - most)


def predictable(moves: Array, said: Array, variance: float) -> Array:
    """λ of each draw from the draws before it: their covariance by the variance that is known."""
    if variance <= 1e-12:
        return np.zeros(len(moves))
    before = np.concatenate([[0.0], np.cumsum(moves * said)])[: len(moves)]
    seen = np.arange(len(moves)) + SHRUNK
    tuning: Array = np.clip(before / (seen * variance), 0.0, 1.0)
    return tuning


def to_number(log: float) -> float:
    return exp(log) if log < LARGEST_EXPONENT else inf
