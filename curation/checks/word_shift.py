"""How far the words of a new dataset version are from those of the last one."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from project.unicode_words import words

MOST_TEXTS = 2_000  # of either version
MOST_WORDS = 1_000  # the most frequent ones
TIMES = 200  # that the rows are dealt anew
LEVEL = 0.01  # the chance that a difference is told where there is none


def word_shift(before: Sequence[str], now: Sequence[str], seed: int = 0) -> float:
    """How differently two sets of texts use their words, in [0, 1]; 0 where chance explains it.

    The mean over words, weighted by how many texts have them, of the difference between the shares
    of texts that have the word, relative to the larger one; less what it is when texts are dealt
    to the two sides by chance (a permutation test).
    """
    draw = np.random.default_rng(seed)
    sides = [drawn(texts, draw) for texts in (before, now)]
    if not all(sides):
        return 0.0
    has = presence([*sides[0], *sides[1]])
    mine = np.arange(has.shape[0]) < len(sides[0])
    dealt = np.stack([mine, *(draw.permutation(mine) for _ in range(TIMES))])
    found = differences(has, dealt)
    observed, by_chance = float(found[0]), found[1:]
    p = (1 + int((by_chance >= observed).sum())) / (1 + TIMES)
    return max(0.0, observed - float(by_chance.mean())) if p <= LEVEL else 0.0


def drawn(texts: Sequence[str], draw: np.random.Generator) -> list[str]:
    if len(texts) <= MOST_TEXTS:
        return list(texts)
    return [texts[i] for i in sorted(draw.choice(len(texts), MOST_TEXTS, replace=False).tolist())]


def presence(texts: Sequence[str]) -> csr_array:
    """[texts, words]: one where the text has the word."""
    own = [set(words(text)) for text in texts]
    counts = Counter(word for text in own for word in text)
    place = {word: i for i, (word, _) in enumerate(counts.most_common(MOST_WORDS))}
    cells = [(row, place[w]) for row, text in enumerate(own) for w in text if w in place]
    rows, columns = zip(*cells, strict=True) if cells else ((), ())
    ones = np.ones(len(cells))
    return csr_array((ones, (rows, columns)), shape=(len(texts), max(len(place), 1)))


def differences(has: csr_array, dealt: NDArray[np.bool]) -> NDArray[np.float64]:
    """One number for each way in which the texts are dealt to two sides."""
    sides = [side.astype(float) for side in (dealt, ~dealt)]
    shares = [(has.T @ side.T).T / side.sum(axis=1, keepdims=True) for side in sides]
    weight = np.asarray(has.sum(axis=0)).ravel()
    larger = np.maximum(np.maximum(*shares), 1e-12)
    relative = np.abs(shares[0] - shares[1]) / larger
    return np.asarray(relative @ (weight / max(weight.sum(), 1)))
