"""Which texts hold most of another text's sequences of words."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from curation.kin.told_apart import other_names
from project.near_duplicates import word_hash
from project.unicode_words import folded, words

N = 5  # words of a sequence
MOST = 0.7  # of a text's sequences: so many in another text are no chance
# A sequence that stands in more texts than this, and in this share of them, is a template.
OFTEN, OWN_OFTEN, OFTEN_SHARE = 3, 20, 0.01
BLOCK = 50_000  # texts whose sequences are in memory at once
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def holding_long_parts(own: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    """The places of our texts, each with the place of another one of whose sequences of N words it
    holds most. Not where both name things of their own: signatures of functions share parameters.
    """
    grams, owners = telling(*sequences(others), max(OFTEN, OFTEN_SHARE * len(others)))
    totals = np.bincount(owners, minlength=len(others))
    order = np.argsort(grams, kind="stable")
    grams, owners = grams[order], owners[order]
    return [
        (start + place, other)
        for start in range(0, len(own), BLOCK)
        for place, other in holding(own[start : start + BLOCK], grams, owners, totals)
        if own[start + place] is not others[other]
        and not other_names(own[start + place], others[other])
    ]


def holding(
    own: Sequence[str],
    grams: NDArray[np.uint64],
    owners: NDArray[np.int64],
    totals: NDArray[np.int64],
) -> list[tuple[int, int]]:
    """The places of ours with the places of the others that each holds."""
    ours, places = sequences(own)
    there = np.isin(ours, grams)
    ours, places = telling(ours[there], places[there], max(OWN_OFTEN, OFTEN_SHARE * len(own)))
    first = np.searchsorted(grams, ours, side="left")
    counts = np.searchsorted(grams, ours, side="right") - first
    which = (
        np.repeat(first, counts)
        + np.arange(counts.sum())
        - np.repeat(np.cumsum(counts) - counts, counts)
    )
    pairs = np.repeat(places, counts) * len(totals) + owners[which]
    pair, shared = np.unique(pairs, return_counts=True)
    enough = shared >= MOST * totals[pair % max(len(totals), 1)]
    return [divmod(one, len(totals)) for one in pair[enough].tolist()]


def telling(
    grams: NDArray[np.uint64], owners: NDArray[np.int64], most: float
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The sequences of texts without those that more than so many of them have."""
    _, inverse, often = np.unique(grams, return_inverse=True, return_counts=True)
    rare = often[inverse] <= most
    return grams[rare], owners[rare]


def sequences(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash of each sequence of N words, each once for a text, and the text's place."""
    hashed = [[word_hash(word) for word in words(folded(text))] for text in texts]
    flat = np.fromiter(chain.from_iterable(hashed), np.uint64)
    owner = np.repeat(np.arange(len(texts)), [len(one) for one in hashed])
    if len(flat) < N:
        return flat[:0], owner[:0]
    ends = len(flat) - N + 1
    rolled = sum(powered(flat[k : k + ends], k) for k in range(N))
    inside = owner[:ends] == owner[N - 1 :]
    grams, owners = np.asarray(rolled)[inside], owner[:ends][inside]
    _, first = np.unique(grams + powered(owners.astype(np.uint64), N), return_index=True)
    return grams[first], owners[first]


def powered(values: NDArray[np.uint64], power: int) -> NDArray[np.uint64]:
    """Times a power of an odd number, modulo 2**64, so that order counts."""
    factor = pow(int(FACTOR), power + 1, 1 << 64)
    return values * np.uint64(factor)
