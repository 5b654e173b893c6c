"""A curve through scores at several numbers of training rows, and what it says of more rows.

s(n) = a + b (1 − n^−c) / c: a power law with an asymptote, as learning curves are (Cortes et al.
1994, NeurIPS 6: "Learning curves"; Hestness et al. 2017, arXiv 1712.00409), written so that c = 0
is its limit, a straight line over log n. a and b are found by least squares for each c of a grid,
and b is not below 0: more rows are not taken to do harm.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.decision.statistics import Array

EXPONENTS = np.linspace(0.0, 2.0, 41)


@dataclass(frozen=True)
class Curves:
    """One for each row of scores [curves]; of a score that is better when it is more."""

    a: Array
    b: Array
    c: Array

    def at(self, rows: float | Array) -> Array:
        """The scores [curves, rows] with so many rows, at least one."""
        n = np.atleast_1d(np.asarray(rows, dtype=np.float64))
        return np.asarray(self.a[:, None] + self.b[:, None] * over(n, self.c))


def over(rows: Array, c: Array) -> Array:
    """(1 − n^−c) / c for each c and n [c, n]; log n in the limit."""
    slow = np.where(c == 0, 1.0, c)[:, None]
    return np.where(c[:, None] == 0, np.log(rows), (1 - rows**-slow) / slow)


def fit(rows: Array, scores: Array) -> Curves:
    """The curves of least squares through scores [curves, n] at so many rows [n], of which at least
    two differ.

    With few points many exponents fit alike: how little is known then, fits to resamples show.
    """
    x = over(rows, EXPONENTS)
    apart = x - x.mean(axis=1, keepdims=True)
    means = scores.mean(axis=1)
    b = np.maximum(0, (scores - means[:, None]) @ (apart / np.square(apart).sum(axis=1)[:, None]).T)
    left = (scores - means[:, None])[:, None, :] - b[:, :, None] * apart  # [curves, exponents, n]
    best = np.square(left).sum(axis=2).argmin(axis=1)
    slopes = b[np.arange(len(scores)), best]
    return Curves(means - slopes * x.mean(axis=1)[best], slopes, EXPONENTS[best])
