"""Answers whose length is far outside of the others'."""

from typing import TYPE_CHECKING

import numpy as np

from curation.checks.columns.repeats import NONE
from curation.checks.columns.row_texts import RowTexts

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAR = 5.0  # robust standard deviations
LEAST_SPREAD = 0.35  # of the logarithm: where nearly all are of one length, a third more is usual
NORMAL = 1.4826  # a normal distribution's standard deviation, in median absolute deviations
FEW, FEW_SHARE = 8, 0.01  # rows: of more, the length is usual too
LONG, SHORT = "far longer than the others", "far shorter than the others"


def odd_lengths(texts: RowTexts) -> list[str]:
    """Answers far from the median by the logarithm of their characters, as few others are."""
    sizes = np.log1p([len(text.strip()) for text in texts.completions])
    there = sizes > 0  # an empty answer is another matter
    far = robust_scores(sizes, LEAST_SPREAD, there)
    rare = ranks_from_either_end(sizes, there) < max(FEW, FEW_SHARE * len(sizes))
    long, short = (far > FAR) & rare, (far < -FAR) & rare & there
    return [LONG if a else SHORT if b else NONE for a, b in zip(long, short, strict=True)]


def ranks_from_either_end(
    sizes: "NDArray[np.floating]", there: "NDArray[np.bool]"
) -> "NDArray[np.int64]":
    """How many values are further out than each one, or as far, on its side."""
    ordered = np.sort(sizes[there])
    below = np.searchsorted(ordered, sizes, side="right") - 1
    above = len(ordered) - 1 - np.searchsorted(ordered, sizes, side="left")
    return np.minimum(below, above)


def robust_scores(
    values: "NDArray[np.floating]", least: float, usual: "NDArray[np.bool] | None" = None
) -> "NDArray[np.floating]":
    """How many standard deviations each value is from the median, by the median absolute deviation.

    `least` is the smallest deviation that counts for one; of the `usual` ones alone if given.
    """
    known = values if usual is None else values[usual]
    if not len(known):
        return np.zeros(len(values))
    middle = np.median(known)
    spread = max(NORMAL * float(np.median(np.abs(known - middle))), least)
    return np.asarray((values - middle) / spread)
