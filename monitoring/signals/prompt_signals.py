"""Signals of prompts: place, novelty, length, surprise, script and topics."""

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.signal import (
    Batch,
    Direction,
    Floats,
    OneNumber,
    distance,
    one_hot,
    usual_distance,
)

# --- novelty --------------------------------------------------------------------------------------

# Prompts from somewhere new: how far they lie from everything in the reference.

FAR = 0.9  # the quantile of the reference's own distances above which one counts


@dataclass(frozen=True)
class Novelty:
    """The mean distance to the 5 nearest prompts, as far as it exceeds what is usual.

    A few strange prompts hardly move a mean distance; the part above the reference's 90 % point
    they do.
    """

    index: Floats  # [m, d]
    far: Floats  # [1]

    name: ClassVar[str] = "novelty"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 5
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.vectors is None:
            return None
        return cls(index.vectors, usual_distance(index.vectors, FAR))

    def knowing(self, index: Batch, kept: NDArray[np.bool_]) -> Self:
        assert index.vectors is not None
        return replace(self, index=index.vectors[kept])

    def columns(self, batch: Batch) -> Floats:
        assert batch.vectors is not None
        excess: Floats = np.maximum(distance(batch.vectors, self.index) - self.far, 0)
        return excess[:, None]


# --- prompt embeddings ----------------------------------------------------------------------------

# Where the prompts lie: their place along the reference's principal directions.

DIRECTIONS = 64


@dataclass(frozen=True)
class PromptEmbeddings:
    """A shift of the mean along the 64 directions in which the reference's prompts vary most."""

    mean: Floats  # [d]
    directions: Floats  # [d, at most 64], each scaled by its standard deviation

    name: ClassVar[str] = "embeddings"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 3
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.vectors is None:
            return None
        mean = np.asarray(index.vectors.mean(0), np.float32)
        directions = principal(index.vectors - mean, DIRECTIONS)
        return cls(mean, directions) if directions.size else None

    def columns(self, batch: Batch) -> Floats:
        assert batch.vectors is not None
        return np.asarray((batch.vectors - self.mean) @ self.directions, np.float32)


def principal(centred: Floats, count: int) -> Floats:
    """The first principal directions, scaled so that rows have variance 1 along each [d, count]."""
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    kept = [i for i in range(min(count, len(sizes))) if sizes[i] > 1e-6 * max(sizes[0], 1e-12)]
    scaled: Floats = (directions[kept].T / sizes[kept] * len(centred) ** 0.5).astype(np.float32)
    return scaled


# --- prompt length --------------------------------------------------------------------------------

# Length: how many words the prompts have.


@dataclass(frozen=True)
class PromptLength:
    """Which eighth of the reference's lengths, in words, a prompt's length falls into."""

    edges: Floats  # [at most 7]

    name: ClassVar[str] = "length"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 1
    shares: ClassVar[bool] = True

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.prompts is None:
            return None
        edges = np.quantile(lengths(index), np.arange(1, 8) / 8)
        return cls(np.unique(edges).astype(np.float32))

    def columns(self, batch: Batch) -> Floats:
        return one_hot(np.searchsorted(self.edges, lengths(batch)), len(self.edges) + 1)


def lengths(batch: Batch) -> Floats:
    assert batch.prompts is not None
    return np.array([len(text.split()) for text in batch.prompts], np.float32)


class PromptPerplexity(OneNumber, name="perplexity", of="surprise", weight=2):
    """How much the champion itself is surprised: the mean negative log-probability of a prompt's
    tokens, which is log perplexity, in nats.
    """


# --- script ---------------------------------------------------------------------------------------

# Language, as far as it shows in the script that a prompt is written in.

# The first word of a letter's Unicode name; all the others count as one.
SCRIPTS = (
    *("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "BENGALI", "TAMIL"),
    *("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI"),
)
OTHER, NONE = len(SCRIPTS), len(SCRIPTS) + 1


@dataclass(frozen=True)
class Script:
    """The script of most of a prompt's letters; a language that shares its script with another is
    left to the signals that look at words and meanings."""

    scripts: NDArray[np.str_]

    name: ClassVar[str] = "script"
    direction: ClassVar[Direction] = "any"
    weight: ClassVar[int] = 1
    shares: ClassVar[bool] = True

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        return None if index.prompts is None else cls(np.array(SCRIPTS))

    def columns(self, batch: Batch) -> Floats:
        assert batch.prompts is not None
        labels = np.array([script_of(text) for text in batch.prompts], np.int64)
        return one_hot(labels, len(SCRIPTS) + 2)


def script_of(text: str) -> int:
    """Its number in SCRIPTS; OTHER for one that is not there, NONE where there are no letters."""
    scripts = Counter(script for char in text if (script := letter(char)) is not None)
    return scripts.most_common(1)[0][0] if scripts else NONE


@lru_cache(maxsize=4096)
def letter(char: str) -> int | None:
    if not char.isalpha():
        return None
    name = unicodedata.name(char, "").split(" ")[0]
    return SCRIPTS.index(name) if name in SCRIPTS else OTHER


# --- topics ---------------------------------------------------------------------------------------

# The topic mix: which cluster of the reference's prompts each prompt belongs to, or none.

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

    def knowing(self, index: Batch, kept: NDArray[np.bool_]) -> Self:
        assert index.vectors is not None
        return replace(self, index=index.vectors[kept])

    @property
    def count(self) -> int:
        """The number of topics, the last of them for prompts that are new."""
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
