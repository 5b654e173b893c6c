"""Which rows are near-duplicates: the same group, or answers in nearly the same words."""

import re
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer

from project.records.data import Row

WORDS = r"(?u)\w+"
MIN_WORDS = 4


def near_duplicate_groups(rows: Sequence[Row], similarity: float) -> list[str]:
    """The family of each row: rows of one group, and near-duplicates, are of one family.

    Two answers are near-duplicates where the Jaccard index of their word sets is at least
    `similarity`, and so are their near-duplicates. Answers of fewer than four words ("yes", a class
    name) say too little to count. A family is called after its alphabetically first group.
    """
    groups = np.array([row.group for row in rows])
    _, same_name = np.unique(groups, return_inverse=True)
    pairs = similar_pairs([row.completion_text for row in rows], similarity)
    by_name = csr_array((np.ones(len(rows)), (np.arange(len(rows)), same_name)))
    _, family = connected_components(pairs + by_name @ by_name.T, directed=False)
    names: dict[int, str] = {}
    for label, group in sorted(zip(family.tolist(), groups.tolist(), strict=True)):
        names.setdefault(label, group)
    return [names[label] for label in family.tolist()]


def similar_pairs(texts: Sequence[str], similarity: float) -> coo_array:
    """A sparse [n, n] matrix with an entry where two texts' Jaccard index reaches similarity."""
    if not any(re.search(WORDS, text) for text in texts):
        return coo_array((len(texts), len(texts)), dtype=bool)
    vectorizer = CountVectorizer(binary=True, token_pattern=WORDS, dtype=np.int32)
    words = csr_array(vectorizer.fit_transform(texts))
    shared = coo_array(words @ words.T)
    sizes = np.asarray(words.sum(axis=1)).ravel()
    rows, columns = shared.coords
    jaccard = shared.data / (sizes[rows] + sizes[columns] - shared.data)
    near = (jaccard >= similarity) & (sizes[rows] >= MIN_WORDS)
    return coo_array((near[near], (rows[near], columns[near])), shape=shared.shape)
