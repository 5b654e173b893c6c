"""One comparison of two sets of prompts, at one level, all signals together."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from math import ceil
from statistics import median
from typing import Any, Self, TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from monitoring.drift.permutation import ENOUGH, TIE
from monitoring.drift.reference import MOST_INDEX, Reference, shared_text
from monitoring.drift.signal_tests import (
    MINIMUM_UNITS,
    moved_share,
    overall,
    shared_out,
    signal_tests,
)
from monitoring.drift.topic_attribution import attribute
from monitoring.drift.user_days import NOBODY, SignalUnits, UserDays, numbered
from monitoring.signals.prompt_signals import FAR, Novelty
from monitoring.signals.signal import NEIGHBOURS, Batch, Floats, Ints, nearest
from monitoring.signals.watched_text import NOTHING, SharedText
from project.errors import InputError
from project.model_pins import ModelChoice, pin
from project.progress import progress
from project.records.drift import DriftVerdict, SignalReading, Topic
from project.records.record import Record
from retrieval.embedder import Embedder, is_cut

# --- compared blocks ------------------------------------------------------------------------------

# Which rows of two compared sets belong together, such as those of one user.

Blocks = Iterable[object]  # names; None and NaN: the row belongs to no other
Pair = tuple[Blocks | None, Blocks | None]


def blocks_of(blocks: Blocks | Pair | None, m: int, n: int) -> tuple[list[str], list[str]]:
    """The blocks of the reference's rows and current's; a row without one is its own block."""
    before, now = blocks if is_pair(blocks) else (None, blocks)
    names = block_names("before", before, m), block_names("now", now, n)
    if tuple(map(len, names)) != (m, n):
        counts = " and ".join(str(len(side)) for side in names)
        raise InputError(f"there are {counts} blocks for {m} and {n} rows")
    return names


def is_pair(blocks: object) -> TypeGuard[Pair]:
    """Whether it is of both sides: a tuple of two that are no names themselves."""
    return isinstance(blocks, tuple) and len(blocks) == 2 and not isinstance(blocks[0], str)


def block_names(side: str, blocks: Blocks | None, count: int) -> list[str]:
    """A name for each row's block, the same on both sides where it is the same block."""
    each = [None] * count if blocks is None else list(blocks)
    return [
        f"{side} {row}" if is_missing(block) else f"block {plain(block)}"
        for row, block in enumerate(each)
    ]


def is_missing(block: object) -> bool:
    """None, NaN, and what pandas has for them."""
    return block is None or block != block or type(block).__name__ == "NAType"


def plain(block: object) -> object:
    """The number 7 where a column with gaps made 7.0 of it."""
    return int(block) if isinstance(block, float) and block.is_integer() else block


# --- novelty of few rows --------------------------------------------------------------------------

# Half of a small reference knows too few prompts to tell what is new. Where each row may as well be
# of the other side, the whole of it can be the index: a random choice of which rows are now's has
# the others as its reference, and their distances are found anew. So p is exact (Phipson & Smyth
# 2010), though the distances of rows depend on one another. Few rows tell little else, so novelty
# has half of the level beside its share.

MOST_ROWS = 4_000  # of both sides: half of more is index enough
MOST_CHOICES = 20_000
SPARE = 4  # times as many neighbours are looked at as have the nearest of the reference among them


def can_be_whole(before: "Chosen", now: "Chosen") -> bool:
    """Whether rows are few, and no text is left out of them. It says nothing of which rows are
    now's, so that both ways to test are valid where they are chosen between by it.
    """
    if len(before) + len(now) > MOST_ROWS:
        return False
    texts = [text for side in (before, now) for text in side if isinstance(text, str)]
    return SharedText.of(texts) == NOTHING


def by_all_rows(
    reading: SignalReading, before: Floats, now: Floats, rng: np.random.Generator
) -> SignalReading:
    """The reading of novelty with the whole reference as its index; before [m, d], now [n, d]."""
    if ceil(4 / reading.level) > MOST_CHOICES:
        return reading
    rows = Neighbours.of(np.concatenate([before, now]), len(before))
    there = np.arange(len(before) + len(now)) < len(before)
    columns = rows.excess(there)[:, None]
    no_strata = np.zeros(len(there), np.int64)
    sides = (
        SignalUnits(columns[side], no_strata[side], NOBODY, NOBODY) for side in (~there, there)
    )
    effect = moved_share(*sides, direction=Novelty.direction, shares=Novelty.shares)
    p = rows.p_value(there, ceil(4 / reading.level), rng)
    drifted = p <= reading.level and effect >= MINIMUM_EFFECT
    verdict = DriftVerdict.DRIFT if drifted else DriftVerdict.NO_DRIFT
    n, m = len(now), len(before)
    told = {"n": n, "reference_n": m, "p": p, "effect": effect, "verdict": verdict}
    return reading.model_copy(update=told)


@dataclass(frozen=True)
class Neighbours:
    """The rows that are nearest to each row, the nearest first, and how far they are [rows, k]."""

    near: Ints
    far: Floats

    @classmethod
    def of(cls, vectors: Floats, reference: int) -> Self:
        """Of rows of which so many are the reference: as many as nearly always suffice."""
        count = ceil(SPARE * NEIGHBOURS * len(vectors) / reference)
        near, far = nearest(vectors, vectors, count, without_itself=True)
        order = np.argsort(far, axis=1, kind="stable")
        return cls(np.take_along_axis(near, order, axis=1), np.take_along_axis(far, order, axis=1))

    def excess(self, reference: NDArray[np.bool_]) -> Floats:
        """Novelty's column, where these rows are the reference [rows]: the mean distance to the 5
        nearest of them, itself left out, as far as it is above their own 90 % point.
        """
        there = reference[self.near]
        there &= np.cumsum(there, axis=1) <= NEIGHBOURS
        count = there.sum(1)
        mean = np.where(count, (self.far * there).sum(1) / np.maximum(count, 1), self.far[:, -1])
        excess: Floats = np.maximum(mean - np.quantile(mean[reference], FAR), 0)
        return excess

    def p_value(self, reference: NDArray[np.bool_], most: int, rng: np.random.Generator) -> float:
        """The share of random choices whose rows are as new to the others, sequentially."""

        def newer(chosen: NDArray[np.bool_]) -> float:
            excess = self.excess(chosen)
            return float(excess[~chosen].mean() - excess[chosen].mean())

        observed, seen = newer(reference), 0
        for drawn in range(1, most + 1):
            seen += newer(rng.permutation(reference)) >= observed - TIE
            if seen >= ENOUGH:
                return ENOUGH / (drawn + 1)
        return (seen + 1) / (most + 1)


# --- compare sets ---------------------------------------------------------------------------------

MOST_UNITS = 10_000  # of each side; a random choice of more tells as much
MINIMUM_EFFECT = 0.02  # of the traffic must have moved

Prompts = Iterable[str] | NDArray[np.floating[Any]]
Chosen = list[str] | NDArray[np.floating[Any]]


class DriftResult(Record):
    """Whether two sets of prompts differ, in which signals, and about what."""

    verdict: DriftVerdict
    alpha: float  # the chance of "drift" when nothing has changed is at most this
    signals: dict[str, SignalReading] = Field(default={})  # none: too few to compare
    topics: tuple[Topic, ...] = ()
    exemplars: tuple[str, ...] = ()
    new_words: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what of the prompts was not compared

    def __str__(self) -> str:
        return f"{self.verdict} at alpha {self.alpha}"


def compare(
    reference: Prompts,
    current: Prompts,
    *,
    alpha: float = 0.01,
    blocks: Blocks | Pair | None = None,
    seed: int = 0,
) -> DriftResult:
    """Say whether `current` has drifted from `reference`: two lists or Series of texts, or two
    arrays of embeddings [n, d] and [m, d].

    blocks names what is not independent within itself, such as users: of current's rows, or a pair
    for reference's and current's. One block has one voice: one of its rows, chosen at random, is
    looked at; a row without a block is one of its own. Text that nearly all of the reference's
    prompts share, such as a template, is left out. Raises InputError for input that cannot be
    compared.
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha is a chance between 0 and 1, not {alpha}")
    rng = np.random.default_rng(seed)
    prompts = prompt_list(reference), prompt_list(current)
    refuse_unlike(*prompts)
    names = blocks_of(blocks, *map(len, prompts))
    if min(len(set(names[0])) // 2, len(set(names[1]))) < MINIMUM_UNITS:
        return DriftResult(verdict=DriftVerdict.INSUFFICIENT, alpha=alpha)
    before, before_blocks = some(prompts[0], names[0], MOST_UNITS + MOST_INDEX, rng)
    now, now_blocks = some(prompts[1], names[1], MOST_UNITS, rng)
    whole = not set(before_blocks) & set(now_blocks) and can_be_whole(before, now)
    shared = NOTHING if whole else shared_by(before, before_blocks, rng)
    then, batch = batch_of(before, shared), batch_of(now, shared)
    times = always(len(then)), always(len(batch))
    frozen = Reference.freeze(then, before_blocks, times[0], rng=rng, shared=shared)
    levels = shared_out(alpha / 2 if whole else alpha, frozen.signals)
    if whole:
        levels[Novelty.name] += alpha / 2
    readings = tested(frozen, frozen.units_of(batch, now_blocks, times[1]), levels, rng)
    if whole and then.vectors is not None and batch.vectors is not None:
        novelty = next(i for i, reading in enumerate(readings) if reading.signal == Novelty.name)
        readings[novelty] = by_all_rows(readings[novelty], then.vectors, batch.vectors, rng)
    about = attribute(frozen, batch, times[1])
    return DriftResult(
        verdict=overall(readings),
        alpha=alpha,
        signals={reading.signal: reading for reading in readings},
        topics=about.topics,
        exemplars=about.exemplars,
        new_words=about.new_words,
        notes=notes_of(before, now, then, batch),
    )


def tested(
    frozen: Reference, units: UserDays, levels: Mapping[str, float], rng: np.random.Generator
) -> list[SignalReading]:
    tests = signal_tests(
        frozen.signals,
        units,
        frozen.units,
        levels,
        nights=1,
        minimum_effect=MINIMUM_EFFECT,
        rng=rng,
    )
    readings: list[SignalReading] = []
    with progress("test", len(frozen.signals), "signals", leave=False) as bar:
        for test in tests:
            readings.append(test.reading)
            bar.advance()
    return readings


def prompt_list(prompts: Prompts) -> Chosen:
    """A list of whatever holds texts in an order; an array of numbers as it is."""
    if isinstance(prompts, np.ndarray) and np.issubdtype(prompts.dtype, np.number):
        return prompts
    table = hasattr(prompts, "columns") or isinstance(prompts, str | bytes | Mapping)
    if table or not isinstance(prompts, Iterable):
        what = type(prompts).__name__
        raise InputError(f"prompts are a list of texts, or an array of embeddings, not a {what}")
    listed = list(prompts)
    for row, text in enumerate(listed):
        if not isinstance(text, str):
            raise InputError(f"a prompt must be a text: row {row} is {text!r:.40}")
    return listed


def refuse_unlike(reference: Chosen, current: Chosen) -> None:
    arrays = [side for side in (reference, current) if isinstance(side, np.ndarray)]
    if len(arrays) == 1:
        raise InputError("texts cannot be compared with embeddings: give two of a kind")
    if any(array.ndim != 2 or not array.shape[1] for array in arrays):
        raise InputError("embeddings are two arrays [n, d], d at least 1")
    if arrays and arrays[0].shape[1] != arrays[1].shape[1]:
        sizes = " and ".join(str(array.shape[1]) for array in arrays)
        raise InputError(f"embeddings of {sizes} numbers cannot be compared")


def some(
    prompts: Chosen, blocks: Sequence[str], limit: int, rng: np.random.Generator
) -> tuple[Chosen, list[str]]:
    """One row, chosen at random, of each block; of so many blocks at most."""
    order = rng.permutation(len(blocks))
    first = np.unique(numbered(blocks)[order], return_index=True)[1]
    rows = np.sort(rng.permutation(order[first])[:limit])
    kept = [blocks[row] for row in rows.tolist()]
    if isinstance(prompts, np.ndarray):
        return prompts[rows], kept
    return [prompts[row] for row in rows.tolist()], kept


def shared_by(prompts: Chosen, blocks: Sequence[str], rng: np.random.Generator) -> SharedText:
    """What the reference's prompts share; rng stays as it is, for `freeze` splits alike."""
    if isinstance(prompts, np.ndarray):
        return NOTHING
    return shared_text(prompts, blocks, deepcopy(rng))


def batch_of(prompts: Chosen, shared: SharedText) -> Batch:
    """Embeddings as they are; texts with theirs, by the embedder among the project's packages."""
    if isinstance(prompts, np.ndarray):
        return Batch(vectors=finite(prompts))
    texts = [shared.rest(text) for text in prompts]
    return Batch(prompts=texts, vectors=packaged_embedder().encode(texts))


def finite(vectors: NDArray[np.floating[Any]]) -> Floats:
    with np.errstate(over="ignore"):  # checked in the next line
        floats = vectors.astype(np.float32)
    if not np.isfinite(floats).all():
        raise InputError("the embeddings hold values that are no finite float32 numbers")
    return floats


@cache
def packaged_embedder() -> Embedder:
    """Loaded once, however often sets are compared: each model takes memory and seconds."""
    return Embedder(pin(ModelChoice(), "embedder"))


def notes_of(before: Chosen, now: Chosen, then: Batch, batch: Batch) -> tuple[str, ...]:
    """Words on what was not compared: a template, and what of long prompts is not read."""
    if then.prompts is None or batch.prompts is None:
        return ()
    notes = []
    left_out = [shortened(*side) for side in ((before, then.prompts), (now, batch.prompts))]
    if any(left_out):
        sizes = f"{left_out[0]:,} characters in the reference and {left_out[1]:,} now"
        notes.append(f"text that prompts share is left out: {sizes}, in the median prompt")
    for side, texts in (("the reference's", then.prompts), ("the current", batch.prompts)):
        if cut := sum(map(is_cut, texts)):
            share = f"{cut / len(texts):.1%} of {side} prompts"
            notes.append(f"{share} are longer than what is read of them")
    return tuple(notes)


def shortened(prompts: Chosen, watched: Sequence[str]) -> int:
    """Characters that are left out of the median prompt."""
    pairs = zip(prompts, watched, strict=True)
    return int(median(len(text) - len(rest) for text, rest in pairs))


def always(count: int) -> Floats:
    """When prompts were asked is not compared: all at once [n]."""
    return np.zeros(count, np.float32)
