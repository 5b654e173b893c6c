"""Prompts as points on a plane, so that a person sees where tonight's lie."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.reference import Reference
from monitoring.signals.array_types import Floats
from monitoring.signals.prompt_words import beginning
from monitoring.signals.signal import Batch
from monitoring.signals.topics import Topics
from project.records.record import Record

Mask = NDArray[np.bool_]


class PointKind(StrEnum):
    """Whose a prompt is. What comes last is drawn on top."""

    REFERENCE = "reference"
    TONIGHT = "tonight"
    GROWN = "grown"  # tonight's, and of a topic that is new or grew


class Point(Record):
    x: float  # 0 to 1
    y: float
    kind: PointKind
    text: str  # the prompt's beginning; "" where it is not known


class Map(Record):
    points: tuple[Point, ...]

    def count(self, kind: PointKind) -> int:
        return sum(point.kind is kind for point in self.points)

    @classmethod
    def of_night(cls, reference: Reference, batch: Batch, grown: Sequence[int]) -> Self | None:
        """The prompts of a night and of the reference; None where there are no embeddings.

        grown are the numbers of the topics that grew or are new, as Topics.labels has them.
        """
        known = next((s for s in reference.signals if isinstance(s, Topics)), None)
        if known is None or batch.vectors is None or not len(batch):
            return None
        there = np.isin(known.labels(batch), grown)
        return cls.of(known.index, batch.vectors, there, batch.prompts)

    @classmethod
    def of(
        cls,
        reference: Floats,
        vectors: Floats,
        grown: Mask,
        texts: Sequence[str] | None,
        *,
        limit: int = 600,
    ) -> Self:
        """Lay out reference [m, d] and tonight's vectors [n, d]; grown and texts [n].

        Each kind has at most a third of the limit's points, evenly chosen, so that what is new
        weighs as much as the rest and spans an axis of its own.
        """
        usual, new = np.flatnonzero(~grown), np.flatnonzero(grown)
        chosen = [evenly(np.arange(len(reference)), limit // 3)]
        chosen += [evenly(rows, limit // 3) for rows in (usual, new)]
        kinds = [kind for kind, rows in zip(PointKind, chosen, strict=True) for _ in rows]
        own = [beginning(texts[i]) if texts else "" for rows in chosen[1:] for i in rows.tolist()]
        words = [""] * len(chosen[0]) + own
        places = plane(np.concatenate([reference[chosen[0]], *(vectors[r] for r in chosen[1:])]))
        return cls(
            points=tuple(
                Point(x=round(x, 4), y=round(y, 4), kind=kind, text=text)
                for (x, y), kind, text in zip(places.tolist(), kinds, words, strict=True)
            )
        )


def evenly(rows: NDArray[np.intp], limit: int) -> NDArray[np.intp]:
    """At most so many of the rows, from the first to the last."""
    if len(rows) <= limit:
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).astype(np.intp)]


def plane(vectors: Floats) -> NDArray[np.float64]:
    """The two principal components of vectors [n, d], each from 0 to 1 [n, 2].

    A component's largest loading is positive: of its two signs always the same is taken.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(vectors), 2))
    for axis, component in enumerate(components[:2]):
        along = centred @ component * np.sign(component[np.abs(component).argmax()])
        found[:, axis] = (along - along.min()) / max(np.ptp(along), 1e-12)
    return found
