"""The difference between two arms, as one number an answer whose mean it is.

Assigned at random: user t gets the challenger (A = 1) with chance π, the share, and the value Y in
[0, 1] is what came of it. With a number m that is known before,

    X = (Y − m) / π  where A = 1,  and  −(Y − m) / (1 − π)  where A = 0

has the mean r_challenger − r_champion given all that came before (Horvitz & Thompson 1952),
whatever those rates are, and however they drift from user to user. Here m is the mean of the values
before, which makes X vary least.

Side by side, as in a shadow: both answered the same request, and X is challenger − champion.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.intp]
Flags = NDArray[np.bool_]  # True: the challenger

IMAGINED = 2.0  # values of a half, before the first one
EDGE = 0.01  # the mean before is never nearer to 0 or 1


@dataclass(frozen=True)
class Differences:
    """The differences for each of T users; all but `found` is known before the value is."""

    found: Array  # X
    least: Array  # that it can be, under 0
    most: Array  # above 0
    variance: Array  # as far as it can be told before

    def turned(self) -> "Differences":
        """The differences as if the arms had each other's names."""
        return Differences(-self.found, -self.most, -self.least, self.variance)


def at_random(challenger: Flags, values: Array, share: float) -> Differences:
    """The differences of users who were assigned by the share; `challenger` and `values` are [...,
    T].
    """
    mean = mean_before(values)
    up, down = (values - mean) / share, -(values - mean) / (1 - share)
    return Differences(
        found=np.where(challenger, up, down),
        least=-np.maximum(mean / share, (1 - mean) / (1 - share)),
        most=np.maximum((1 - mean) / share, mean / (1 - share)),
        variance=mean * (1 - mean) / (share * (1 - share)),
    )


def side_by_side(challenger: Array, champion: Array) -> Differences:
    """The differences of users who were answered by both."""
    found = challenger - champion
    ones = np.ones_like(found)
    return Differences(found, -ones, ones, np.maximum(mean_before(found**2), EDGE))


def mean_before(values: Array) -> Array:
    """The mean of the values before each one, drawn a little towards a half."""
    count: NDArray[Any] = np.arange(values.shape[-1])
    before = np.cumsum(values, axis=-1) - values
    mean: Array = np.clip((before + IMAGINED / 2) / (count + IMAGINED), EDGE, 1 - EDGE)
    return mean
