"""Which rows are twins: the same group, or answers in nearly the same words."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer

from registry.records import Row

WORDS = r"(?u)\w+"
MIN_WORDS = 4


def merge_groups(rows: Sequence[Row], similarity: float) -> list[Row]:
    """Give all twins one group, so that a split by group never parts them.

    Two answers are twins from a Jaccard index of their word sets of `similarity` on; being a twin
    is transitive. Answers of fewer than four words ("yes", a class name) say too little to be
    twins. A merged group is called after its alphabetically first member.
    """
    groups = np.array([row.group for row in rows])
    _, same_name = np.unique(groups, return_inverse=True)
    pairs = similar_pairs([row.completion_text for row in rows], similarity)
    by_name = csr_array((np.ones(len(rows)), (np.arange(len(rows)), same_name)))
    _, family = connected_components(pairs + by_name @ by_name.T, directed=False)
    names: dict[int, str] = {}
    for label, group in sorted(zip(family.tolist(), groups.tolist(), strict=True)):
        names.setdefault(label, group)
    return [
        row.model_copy(update={"group": names[label]})
        for row, label in zip(rows, family.tolist(), strict=True)
    ]


def similar_pairs(texts: Sequence[str], similarity: float) -> coo_array:
    """A sparse [n, n] matrix with an entry where two texts' Jaccard index reaches similarity."""
    vectorizer = CountVectorizer(binary=True, token_pattern=WORDS, dtype=np.int32)
    words = csr_array(vectorizer.fit_transform(texts))
    shared = coo_array(words @ words.T)
    sizes = np.asarray(words.sum(axis=1)).ravel()
    rows, columns = shared.coords
    jaccard = shared.data / (sizes[rows] + sizes[columns] - shared.data)
    near = (jaccard >= similarity) & (sizes[rows] >= MIN_WORDS)
    return coo_array((near[near], (rows[near], columns[near])), shape=shared.shape)
