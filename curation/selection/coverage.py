"""Rows taken one by one, each for the quality that it has and for what it adds to those taken.

Facility location (Cornuéjols et al. 1977; Lin & Bilmes 2011 for texts): a set of rows is worth how
near each row of the data has one of the set. What a row adds to that is weighted by its quality, so
neither many rows of one topic nor poor ones of a rare topic come first.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

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
