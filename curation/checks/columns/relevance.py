"""Whether rows are about the task: by gold rows, by the words that tell it, or by the others."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.checks.columns.lengths import robust_scores
from curation.checks.columns.row_texts import RowTexts
from curation.checks.embeddings import Looked, unit
from project.text_language import language_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# By topics of CLINC150 of which gold rows or the task knew nothing: benchmarks/relevance.py.
NEAREST_GOLD = 3  # whose mean cosine says how near a row is to the gold rows
LEAST_GOLD = 10  # rows, for there to be a usual distance between them
# Of the median at which gold rows are from each other: of a row that is told, and of one that
# counts for the task.
GOLD_FAR, GOLD_NEAR = 0.4, 0.6
TASK_NEAR = 0.12  # the cosine of a row and the words of the task
FAR = 2.5  # robust standard deviations
FEW, FEW_SHARE = 3, 0.015  # without gold rows, what is off the topic is rare: many are a topic
NEIGHBOURS = 10  # whose similarity says how alone a row is
LEAST_ROWS = 30  # for there to be a usual distance
LEAST_SPREAD = 0.05  # of a cosine
BLOCK = 1_000  # rows that are compared with all at once
LANGUAGE_ROWS = 200  # of which the language is looked up


@dataclass(frozen=True)
class Task:
    """What rows are to teach: gold rows as questions and answers, and a sentence."""

    gold: Sequence[tuple[str, str]] = ()
    words: str | None = None
    aside: Collection[str] = ()  # sources of rows that are there for something else


def off_topics(texts: RowTexts, looked: Looked, task: Task) -> tuple["NDArray[np.bool]", str]:
    """Which rows of the sample are off the topic, and from what they are far."""
    if (near := gold_nearness(looked, task)) is not None:
        return (near < GOLD_FAR) & of_task(texts, looked, task), "far from the gold rows"
    if len(looked.places) < LEAST_ROWS:
        return np.zeros(len(looked.places), dtype=bool), ""
    near = nearness(looked.rows)
    if task.words:
        near = near + task_nearness(looked, task.words)
    rare = np.argsort(np.argsort(near)) < max(FEW, FEW_SHARE * len(near))
    return (robust_scores(near, LEAST_SPREAD) < -FAR) & rare, "far from what the others are about"


def gold_share(texts: RowTexts, looked: Looked, task: Task) -> float | None:
    """The share of rows that are about what the gold rows are about; None where these are few."""
    near = gold_nearness(looked, task)
    return None if near is None else share(near >= GOLD_NEAR, of_task(texts, looked, task))


def task_share(texts: RowTexts, looked: Looked, task: Task) -> float | None:
    """The share of rows that are near the words of the task; None where these are in a language
    that the rows are not in, for embedders of one language see nothing then.
    """
    if not task.words or not of_one_language(task.words, texts):
        return None
    return share(task_nearness(looked, task.words) >= TASK_NEAR, of_task(texts, looked, task))


def of_task(texts: RowTexts, looked: Looked, task: Task) -> "NDArray[np.bool]":
    """Which rows of the sample are there for the task."""
    return np.array([texts.rows[i].source not in task.aside for i in looked.places], dtype=bool)


def share(which: "NDArray[np.bool]", among: "NDArray[np.bool]") -> float | None:
    return float(which[among].mean()) if among.any() else None


def gold_nearness(looked: Looked, task: Task) -> "NDArray[np.floating] | None":
    """How near each row is to its nearest gold rows, where 1 is what is usual among these."""
    if len(task.gold) < LEAST_GOLD:
        return None
    asked, told = (looked.embed(list(texts)) for texts in zip(*task.gold, strict=True))
    gold = unit(asked + told)
    among = gold @ gold.T
    np.fill_diagonal(among, -1)
    usual = max(float(np.median(nearest_mean(among, NEAREST_GOLD))), LEAST_SPREAD)
    return nearest_mean(looked.rows @ gold.T, NEAREST_GOLD) / usual


def task_nearness(looked: Looked, words: str) -> "NDArray[np.floating]":
    return np.asarray((looked.rows @ looked.embed([words]).T)[:, 0])


def nearness(vectors: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """The mean cosine with the nearest rows, but the row itself."""
    found = []
    for start in range(0, len(vectors), BLOCK):
        similarity = vectors[start : start + BLOCK] @ vectors.T
        np.fill_diagonal(similarity[:, start:], -1)
        found.append(nearest_mean(similarity, NEIGHBOURS))
    return np.concatenate(found)


def nearest_mean(similarity: "NDArray[np.float32]", count: int) -> "NDArray[np.float32]":
    """Of each line the mean of so many highest values."""
    return np.asarray(np.sort(similarity, axis=1)[:, -count:].mean(axis=1))


def of_one_language(words: str, texts: RowTexts) -> bool:
    """Whether most rows are in the language of the task, as far as it can be told; a task of few
    words in ASCII is taken for English.
    """
    every = max(1, len(texts.rows) // LANGUAGE_ROWS)
    told = Counter(language_of(text) for text in texts.completions[::every])
    told.update(language_of(text) for text in texts.prompts[::every])
    del told[None]
    if not told:
        return True
    language = language_of(words) or ("en" if words.isascii() else None)
    return language == told.most_common(1)[0][0]
