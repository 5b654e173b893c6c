"""One comparison of two sets of prompts, at one level, all signals together."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from monitoring.drift.reference import MOST_INDEX, Reference
from monitoring.drift.signal_tests import overall, readings, shared_out
from monitoring.drift.topic_attribution import attribute
from monitoring.drift.user_days import numbered
from monitoring.features.embedding_cache import Embeddings
from monitoring.signals.array_types import Floats
from monitoring.signals.signal import Batch
from project.errors import InputError
from project.model_pins import ModelChoice, pin
from project.records.drift import DriftVerdict, SignalReading, Topic
from project.records.record import Record

MOST_UNITS = 10_000  # of each side; a random choice of more tells as much
MINIMUM_UNITS = 50
MINIMUM_EFFECT = 0.02  # of the traffic must have moved

Prompts = Sequence[str] | NDArray[np.floating[Any]]
Blocks = Sequence[str]


class DriftResult(Record):
    """Whether two sets of prompts differ, in which signals, and about what."""

    verdict: DriftVerdict
    alpha: float  # the chance of "drift" when nothing has changed is at most this
    signals: dict[str, SignalReading] = Field(default={})  # none: too few to compare
    topics: tuple[Topic, ...] = ()
    exemplars: tuple[str, ...] = ()
    new_words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.verdict} at alpha {self.alpha}"


def compare(
    reference: Prompts,
    current: Prompts,
    *,
    alpha: float = 0.01,
    blocks: Blocks | tuple[Blocks, Blocks] | None = None,
    seed: int = 0,
) -> DriftResult:
    """Say whether `current` has drifted from `reference`: two lists of texts, or two arrays of
    embeddings [n, d] and [m, d].

    blocks names what is not independent within itself, such as users: of current's rows, or a pair
    of sequences for reference's and current's. One block has one voice: one of its rows, chosen at
    random, is looked at. Raises InputError for input that cannot be compared.
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha is a chance between 0 and 1, not {alpha}")
    rng = np.random.default_rng(seed)
    refuse_unlike(reference, current)
    before_blocks, now_blocks = blocks_of(blocks, len(reference), len(current))
    if min(len(set(before_blocks)) // 2, len(set(now_blocks))) < MINIMUM_UNITS:
        return DriftResult(verdict=DriftVerdict.INSUFFICIENT, alpha=alpha)
    before, before_blocks = some(reference, before_blocks, MOST_UNITS + MOST_INDEX, rng)
    now, now_blocks = some(current, now_blocks, MOST_UNITS, rng)
    frozen = Reference.freeze(before, before_blocks, always(len(before)), rng=rng)
    units = frozen.units_of(now, now_blocks, always(len(now)))
    found = readings(
        frozen.signals,
        units,
        frozen.units,
        shared_out(alpha, frozen.signals),
        nights=1,
        minimum_units=MINIMUM_UNITS,
        minimum_effect=MINIMUM_EFFECT,
        rng=rng,
    )
    about = attribute(frozen, now, always(len(now)))
    return DriftResult(
        verdict=overall(found),
        alpha=alpha,
        signals={reading.signal: reading for reading in found},
        topics=about.topics,
        exemplars=about.exemplars,
        new_words=about.new_words,
    )


def refuse_unlike(reference: Prompts, current: Prompts) -> None:
    arrays = [side for side in (reference, current) if isinstance(side, np.ndarray)]
    if len(arrays) == 1:
        raise InputError("texts cannot be compared with embeddings: give two of a kind")
    if any(array.ndim != 2 or not array.shape[1] for array in arrays):
        raise InputError("embeddings are two arrays [n, d], d at least 1")
    if arrays and arrays[0].shape[1] != arrays[1].shape[1]:
        sizes = " and ".join(str(array.shape[1]) for array in arrays)
        raise InputError(f"embeddings of {sizes} numbers cannot be compared")


def blocks_of(
    blocks: Blocks | tuple[Blocks, Blocks] | None, m: int, n: int
) -> tuple[Blocks, Blocks]:
    """Of the reference's rows and of current's; a row without one is a block of its own."""
    before, now = pair_of(blocks, m, n)
    if (len(before), len(now)) != (m, n):
        raise InputError(f"there are {len(before)} and {len(now)} blocks for {m} and {n} rows")
    return before, now


def pair_of(blocks: Blocks | tuple[Blocks, Blocks] | None, m: int, n: int) -> tuple[Blocks, Blocks]:
    before = [f"before {row}" for row in range(m)]
    if blocks is None:
        return before, [f"now {row}" for row in range(n)]
    if isinstance(blocks, tuple) and len(blocks) == 2 and not isinstance(blocks[0], str):
        return blocks[0], blocks[1]
    return before, [f"of {block}" for block in blocks]


def some(
    prompts: Prompts, blocks: Blocks, limit: int, rng: np.random.Generator
) -> tuple[Batch, Blocks]:
    """One row, chosen at random, of each block; of so many blocks at most."""
    order = rng.permutation(len(blocks))
    first = np.unique(numbered(map(str, blocks))[order], return_index=True)[1]
    rows = np.sort(rng.permutation(order[first])[:limit])
    kept = [str(blocks[row]) for row in rows.tolist()]
    if isinstance(prompts, np.ndarray):
        return Batch(vectors=finite(prompts[rows])), kept
    return embedded([prompts[row] for row in rows.tolist()]), kept


def finite(vectors: NDArray[np.floating[Any]]) -> Floats:
    with np.errstate(over="ignore"):  # checked in the next line
        found = vectors.astype(np.float32)
    if not np.isfinite(found).all():
        raise InputError("the embeddings hold values that are no finite float32 numbers")
    return found


def embedded(texts: list[str]) -> Batch:
    """Texts with their embeddings, by the embedder among the project's packages; nothing is kept.

    The cache is a passing one: the comparison needs no project to keep it in.
    """
    if not all(isinstance(text, str) for text in texts):
        raise InputError("a prompt must be a text")
    with TemporaryDirectory(prefix="incumbent-embeddings-") as place:
        embeddings = Embeddings(pin(ModelChoice(), "embedder"), Path(place, "cache.db"))
        return Batch(prompts=texts, vectors=embeddings.encode(texts))


def always(count: int) -> Floats:
    """When prompts were asked is not compared: all at once [n]."""
    return np.zeros(count, np.float32)
