"""The topic mix: which cluster of the reference's prompts each prompt belongs to, or none."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.signal import Batch, Direction, Floats, distance, one_hot, usual_distance

MOST = 128
NEW = 0.99  # the quantile of the reference's own distances above which a prompt has no topic


@dataclass(frozen=True)
class Topics:
    """k-means on the reference's prompts, and one more topic for what is new.

    About ten prompts a topic: a changed mix of intents shows in topics about as fine as the intents
    are, and √m topics would blur it.
    """

    index: Floats  # [m, d]
    centres: Floats  # [topics, d]
    far: Floats  # [1]

    name: ClassVar[str] = "topics"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 5
    shares: ClassVar[bool] = True

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.vectors is None:
            return None
        from sklearn.cluster import KMeans  # takes a second, which --help should not wait for

        count = max(2, min(MOST, len(index) // 10))
        means = KMeans(count, n_init=1, random_state=int(rng.integers(2**31))).fit(index.vectors)
        return cls(
            index.vectors,
            means.cluster_centers_.astype(np.float32),
            usual_distance(index.vectors, NEW),
        )

    @property
    def count(self) -> int:
        """Of topics, the last of them for prompts that are new."""
        return len(self.centres) + 1

    def labels(self, batch: Batch) -> NDArray[np.int64]:
        """The topic of each row [n]."""
        assert batch.vectors is not None
        # ‖x − c‖² without ‖x‖², which is the same for every centre.
        apart = (self.centres**2).sum(1) - 2 * batch.vectors @ self.centres.T
        new = distance(batch.vectors, self.index) > self.far
        labels: NDArray[np.int64] = np.where(new, len(self.centres), apart.argmin(1))
        return labels

    def columns(self, batch: Batch) -> Floats:
        return one_hot(self.labels(batch), self.count)
