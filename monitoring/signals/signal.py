"""What a signal is: a few numbers for every row, fixed before tonight's rows were seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from project.canonical import digest_bytes

# --- array types ----------------------------------------------------------------------------------

# Types of the arrays that signals give and tests read.

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Times = NDArray[np.floating[Any]]  # hours since a Monday, 0:00 UTC
Direction = Literal["up", "any"]


# --- signal ---------------------------------------------------------------------------------------

NEIGHBOURS = 5
ROWS = 2048  # compared with the index at a time


@dataclass(frozen=True)
class Batch:
    """Rows as the signals see them; what none of the rows has is None, what one lacks is NaN."""

    prompts: Sequence[str] | None = None
    vectors: Floats | None = None  # of the prompts [n, d]
    responses: Sequence[str] | None = None
    response_vectors: Floats | None = None  # [n, d]; NaN where the answer is another system's
    ratings: Floats | None = None  # −1, 0 or 1 [n]
    surprise: Floats | None = None  # the champion's nats a token on each prompt [n]
    scores: Floats | None = None  # a judge's, of the answers: more is better [n]
    # What became of the cases [n]: 0 or 1, 0 or 1, and 0 to 1.
    escalated: Floats | None = None
    resolved: Floats | None = None
    satisfaction: Floats | None = None
    # Of answers to requests with passages [n]: 1 where one says that it does not know, else 0; and
    # of what the others say, the share of sentences that the passages do not bear out.
    abstaining: Floats | None = None
    ungrounded: Floats | None = None
    # Of answers to requests with tools [n]: whether one calls a tool, and whether it asks back; and
    # of those with a call or with the result of one, whether one of these failed.
    calling: Floats | None = None
    failed_calls: Floats | None = None
    asking_back: Floats | None = None

    def __len__(self) -> int:
        columns = (self.prompts, self.vectors, self.ratings, self.surprise, self.scores)
        return next((len(column) for column in columns if column is not None), 0)

    def taken(self, there: NDArray[np.bool_]) -> Self:
        """Some of the rows; there [n]."""
        rows = np.flatnonzero(there)

        def some(column: Any) -> Any:
            if column is None or isinstance(column, np.ndarray):
                return None if column is None else column[rows]
            return [column[i] for i in rows]

        return type(self)(**{name: some(column) for name, column in vars(self).items()})


class Signal(Protocol):
    """A frozen function of a row, fitted to one half of the reference.

    Its fields are arrays, so that it can be stored as they are. A row's columns depend on that row
    alone, so sums of them can be merged, and random choices of rows have a known distribution.
    """

    name: ClassVar[str]
    direction: ClassVar[Direction]  # "up": one column, where more is worse
    weight: ClassVar[int]  # its share of the false-alarm budget, beside the others'
    shares: ClassVar[bool]  # whether the columns say which one of several kinds a row is

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        """None where the rows lack what the signal looks at."""
        ...

    def columns(self, batch: Batch) -> Floats:
        """[n, columns]; a row of NaN where a row has nothing to look at."""
        ...


@runtime_checkable
class Knowing(Signal, Protocol):
    """A signal that knows the index's rows one by one."""

    def knowing(self, index: Batch, kept: NDArray[np.bool_]) -> Self:
        """The same function, as it is to one who knows only some rows of the index that it was
        fitted to; kept [index]."""
        ...


@dataclass(frozen=True)
class OneNumber:
    """A signal that is one number of a row; up means more, or less where it is turned round."""

    usual: Floats  # [1], the reference's mean of what is known, for reports

    name: ClassVar[str]
    of: ClassVar[str]
    weight: ClassVar[int]
    turned: ClassVar[bool]
    direction: ClassVar[Direction]
    shares: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        name: str,
        of: str | None = None,
        weight: int = 1,
        turned: bool = False,
        direction: Direction = "up",
    ) -> None:
        """`of` is the batch's field, by default called as the signal is."""
        cls.name, cls.of, cls.weight = name, of or name, weight
        cls.turned, cls.direction = turned, direction

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        values: Floats | None = getattr(index, cls.of)
        if values is None or np.isnan(values).all():
            return None
        return cls(np.array([np.nanmean(values)], np.float32))

    def columns(self, batch: Batch) -> Floats:
        """[n, 1]; NaN where nothing is known."""
        values: Floats | None = getattr(batch, self.of)
        if values is None:
            return np.full((len(batch), 1), np.nan, np.float32)
        return -values[:, None] if self.turned else values[:, None]


def one_hot(labels: NDArray[np.int64], count: int) -> Floats:
    """[n, count], with a 1 in each row."""
    columns = np.zeros((len(labels), count), np.float32)
    columns[np.arange(len(labels)), labels] = 1
    return columns


def nearest(
    vectors: Floats, index: Floats, k: int, *, without_itself: bool = False
) -> tuple[NDArray[np.int64], Floats]:
    """Of each vector the k nearest of the index, and how far they are [n, k], in no order.

    Euclidean, which orders normalised vectors as their cosine does. Memory is bounded by the index.
    """
    return nearest_rows(HashedRows.of(vectors), HashedRows.of(index), k, without_itself)


@dataclass(frozen=True)
class HashedRows:
    """An array as a key: those with the same numbers are equal."""

    digest: str
    shape: tuple[int, ...]
    array: Floats = field(compare=False)

    @classmethod
    def of(cls, array: Floats) -> Self:
        return cls(digest_bytes(array.tobytes()), array.shape, array)


@lru_cache(maxsize=1)  # a night's signals ask for the same, one after the other
def nearest_rows(
    of: HashedRows, among: HashedRows, k: int, without_itself: bool
) -> tuple[NDArray[np.int64], Floats]:
    vectors, index = of.array, among.array
    k = min(k, len(index) - without_itself)
    lengths = (index**2).sum(1)
    near, far = [], []
    for start in range(0, max(len(vectors), 1), ROWS):
        rows = vectors[start : start + ROWS]
        squares = (rows**2).sum(1)[:, None] + lengths - 2 * rows @ index.T
        if without_itself:
            squares[np.arange(len(rows)), start + np.arange(len(rows))] = np.inf
        chosen = np.argpartition(squares, k - 1, axis=1)[:, :k]
        near.append(chosen)
        far.append(np.sqrt(np.maximum(np.take_along_axis(squares, chosen, axis=1), 0)))
    return np.concatenate(near), np.concatenate(far)


def usual_distance(index: Floats, quantile: float) -> Floats:
    """What so large a share of the index's own distances lies below [1]."""
    usual = distance(index, index, without_itself=True)
    return np.quantile(usual, [quantile]).astype(np.float32)


def distance(vectors: Floats, index: Floats, *, without_itself: bool = False) -> Floats:
    """The mean distance to the 5 nearest vectors of the index [n]."""
    mean: Floats = nearest(vectors, index, NEIGHBOURS, without_itself=without_itself)[1].mean(1)
    return mean
