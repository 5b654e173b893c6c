"""Macro-F1: a score over all items, with a value for each item of which it is the mean.

F1 of a label is 2·TP / (2·TP + FP + FN), and no mean over items. To first order, item i moves it
by (2·t_i − F1·s_i) / S: t_i is 1 where reference and answer are the label, s_i counts on how many
of the two sides it is, and S is the sum of s_i (the delta method; Takahashi et al. 2022, Applied
Intelligence 52: 4961). So paired differences of these values have the error of the difference of
two macro-F1s, in every slice and with clusters. Few items of a label would make that error too
small: dividing by √(S·(S − s_c)) instead of S, for s_c of the item's cluster, corrects it as CR2
does for a mean.
"""

from collections.abc import Sequence

import numpy as np

from evaluation.decision.statistics import Array
from project.records.scores import ItemScore, Labels

LEAST_LEFT = 0.5  # of S without a cluster, where all of a label is in one


def labels_of(items: Sequence[ItemScore], metric: str) -> list[Labels | None]:
    return [(item.labels or {}).get(metric) for item in items]


def macro_f1(
    references: Sequence[str], answers: Sequence[str | None], clusters: Sequence[str]
) -> Array:
    """Values [n] whose mean is the mean F1 of the labels that the references have.

    An answer of None is none of the labels: it is wrong, and no label's false positive.
    """
    expected, given = np.array(references, dtype=object), np.array(answers, dtype=object)
    _, cluster = np.unique(np.array(clusters), return_inverse=True)
    labels = sorted(set(references))
    moved, score = np.zeros(len(references)), 0.0
    for label in labels:
        is_it, said = expected == label, given == label
        sides = is_it.astype(np.float64) + said
        f1 = 2.0 * (is_it & said).sum() / sides.sum()
        within = np.bincount(cluster, weights=sides)[cluster]
        left = np.maximum(sides.sum() - within, LEAST_LEFT)
        moved += (2.0 * (is_it & said) - f1 * sides) / np.sqrt(sides.sum() * left)
        score += f1
    moved *= len(references) / len(labels)
    values: Array = score / len(labels) + moved - moved.mean()
    return values


def rightness(items: Sequence[ItemScore], metric: str) -> Array:
    """Of each item [n] whether the challenger alone is right, 1, or the champion alone, −1."""
    found = [
        0.0
        if one is None
        else float(one.challenger == one.reference) - (one.champion == one.reference)
        for one in labels_of(items, metric)
    ]
    return np.array(found, dtype=np.float64)
