"""How much a row is worth learning from: by what the base makes of it, its length, its faults.

The instruction-following difficulty (IFD; Li et al. 2024, "From Quantity to Quality", NAACL) is the
loss of an answer given its prompt, divided by its loss without. At 1 and above the prompt does not
help at all, so that answer and prompt do not belong together; near 0 the base knows it already.
"""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.faults.private_data import Finder
from curation.selected_rows import RowQuality
from project.records.data import Row

FENCE = 1.5  # interquartile ranges: Tukey's rule for what lies far outside
ODD_LENGTH = 0.5  # what is left of a row's quality if its answer is that far outside
A_FAULT = 0.5  # and for each fault


class AnswerLoss(NamedTuple):
    """Mean loss of an answer's token under the base, in nats; None where it cannot be read."""

    with_prompt: float | None
    alone: float | None


def qualities(
    rows: Sequence[Row],
    losses: Sequence[AnswerLoss],
    tokens: Sequence[int],
    faults: Mapping[str, Finder],
) -> list[RowQuality]:
    """The quality of each row [n], given the losses [n] and the lengths [n] of its answer."""
    ordinary = ordinary_lengths(tokens)
    return [
        quality(row, loss, ordinary[i], faults)
        for i, (row, loss) in enumerate(zip(rows, losses, strict=True))
    ]


def quality(
    row: Row, loss: AnswerLoss, ordinary_length: bool, faults: Mapping[str, Finder]
) -> RowQuality:
    found = tuple(name for name, finder in faults.items() if finder(row))
    ifd = difficulty(loss)
    return RowQuality(
        ifd=None if ifd is None else round(ifd, 4),
        learnable=0.0 if ifd is None or ifd >= 1 else round(ifd, 4),
        length=1.0 if ordinary_length else ODD_LENGTH,
        faultless=A_FAULT ** len(found),
        faults=found,
    )


def difficulty(loss: AnswerLoss) -> float | None:
    """The IFD; None where there is no loss to divide by."""
    if loss.with_prompt is None or not loss.alone:
        return None
    return loss.with_prompt / loss.alone


def ordinary_lengths(tokens: Sequence[int]) -> list[bool]:
    """Which lengths are within Tukey's fences of all, on a logarithmic scale."""
    logs = np.log(np.maximum(np.asarray(tokens, dtype=np.float64), 1))
    low, high = np.quantile(logs, [0.25, 0.75])
    reach = FENCE * (high - low)
    return [bool(low - reach <= value <= high + reach) for value in logs]


# --- coverage -------------------------------------------------------------------------------------

# Rows taken one by one, each for the quality that it has and for what it adds to those taken.
#
# Facility location (Cornuéjols et al. 1977; Lin & Bilmes 2011 for texts): a set of rows is worth
# how near each row of the data has one of the set. What a row adds to that is weighted by its
# quality, so neither many rows of one topic nor poor ones of a rare topic come first.

Floats = NDArray[np.float32]

COVERED = 3_000  # rows, evenly taken, that are to be near a taken one: all of a small dataset


def taken_in_order(quality: Sequence[float], vectors: Floats, count: int) -> list[int]:
    """The positions of `count` rows, the best first, given unit vectors [n, d].

    Greedy, and lazily: what a row adds only shrinks as others are taken, so it is computed again
    just when it would come first (Minoux 1978). Ties go to the better and then to the earlier row.
    """
    apart = told_apart(vectors)
    covered = apart[np.unique(np.linspace(0, len(apart) - 1, COVERED).astype(int))]
    nearest = np.zeros(len(covered), dtype=np.float32)

    def added(i: int) -> float:
        closer = np.maximum(covered @ apart[i] - nearest, 0)
        return quality[i] * float(closer.sum())

    heap = [(-added(i), -quality[i], i) for i in range(len(apart))]
    heapify(heap)
    taken: list[int] = []
    while heap and len(taken) < count:
        _, worth, i = heappop(heap)
        now = -added(i)
        if heap and (now, worth, i) > heap[0]:
            heappush(heap, (now, worth, i))
            continue
        taken.append(i)
        nearest = np.maximum(nearest, covered @ apart[i])
    return taken


def told_apart(vectors: Floats) -> Floats:
    """Unit vectors without what all have in common [n, d].

    An instruction that stands in every prompt makes all rows alike, and hides what they are about.
    """
    centred = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(lengths, 1e-6), dtype=np.float32)
