"""A dataset as a whole, and each of its slices, in a few numbers that a contract may speak of."""

from collections import Counter
from collections.abc import Collection, Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from curation.checks.embeddings import Looked
from curation.checks.meaning import answer_fit
from curation.checks.relevance import CheckReferences, gold_share, task_share
from curation.checks.repeats import NONE, RowTexts, frequent_answers
from project.near_duplicates import linked, to_first
from project.records.data import Split
from project.unicode_words import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE = "dataset"
BY_MEANING = ("vendi", "answer_fit", "gold_share", "task_share")
SLICES_TOLD = 3
USUAL_SEALED = 0.25  # of the rows, where none are dealt yet
SHOWN = 0.7  # a win rate that is worth a slice of its own
DEVIATIONS = 1.645 + 0.842  # at which a one-sided test at 5 % has a power of 80 %
PERCENTILES = (50, 95, 99)
DISTINCT_TEXTS = 20_000  # whose words are counted: with more texts the shares only fall


def dataset_table(
    texts: RowTexts, table: pd.DataFrame, looked: Looked | None, compared: CheckReferences
) -> pd.DataFrame:
    """One line; what needs an embedder is missing without one."""
    # Rows that repeat another add nothing, and rehearsed ones are nobody's task.
    again = table["repeat"] != NONE
    of_task = (row.source not in compared.aside for row in texts.rows)
    measures: dict[str, float | None] = {
        "rows": sum(mine and not seen for mine, seen in zip(of_task, again, strict=True)),
        **{split.value: texts.splits.count(split.value) for split in Split},
        **diversity(texts),
        **{
            f"{column}_p{p}": float(np.percentile(table[column], p)) if len(table) else 0.0
            for column in ("prompt_chars", "completion_words")
            for p in PERCENTILES
        },
        "synthetic_share": share([row.synthetic is not None for row in texts.rows]),
        "language_share": told_share(table, "other_language", NONE),
        "off_topic_share": unlike(table, "off_topic"),
        "disagreement_share": unlike(table, "disagreement"),
        "unfilled_share": unlike(table, "unfilled"),
        **by_meaning(texts, looked, compared),
        "shift": shift(texts, compared),
    }
    unknown = dict.fromkeys((*BY_MEANING, "shift"), float)
    return pd.DataFrame([{"id": WHOLE} | measures]).astype(unknown)


def by_meaning(
    texts: RowTexts, looked: Looked | None, compared: CheckReferences
) -> dict[str, float | None]:
    if looked is None:
        return dict.fromkeys(BY_MEANING)
    measures = (
        vendi(looked.rows),
        answer_fit(texts, looked),
        gold_share(texts, looked, compared),
        task_share(texts, looked, compared),
    )
    return dict(zip(BY_MEANING, measures, strict=True))


def slice_table(texts: RowTexts) -> pd.DataFrame:
    """One line a value of a slice, called `slice=value`, with how many rows have it, and how many
    of them are sealed.
    """
    names = [[f"{name}={value}" for name, value in row.slices.items()] for row in texts.rows]
    counts = Counter(name for row_names in names for name in row_names)
    sealed = Counter(
        name
        for row_names, split in zip(names, texts.splits, strict=True)
        for name in row_names
        if split == Split.SEALED
    )
    columns = {"id": list(counts), "rows": list(counts.values())}
    table = pd.DataFrame(columns | {"sealed": [sealed[name] for name in counts]})
    return table.astype({"id": object, "rows": int, "sealed": int})


def rows_wanted(table: pd.DataFrame, failing: Collection[str], least: int) -> str:
    """Of a few slices that have too few rows, how many more they need, and how many would show a
    clear difference: as many that a test at 5 % sees a win rate of SHOWN in four cases of five.
    """
    share = table["sealed"].sum() / max(table["rows"].sum(), 1) or USUAL_SEALED
    items = ceil((DEVIATIONS * 0.5 / (SHOWN - 0.5)) ** 2)
    small = table[table["id"].isin(failing)].sort_values("rows").head(SLICES_TOLD)
    more = [
        f"{name} has {count}, {least - count} too few"
        for name, count in zip(small["id"], small["rows"], strict=True)
    ]
    return (
        f"{', '.join(more)}; {items} sealed items show a win rate of {SHOWN:.0%}, "
        f"which takes some {ceil(items / share):,} rows of a slice"
    )


def diversity(texts: RowTexts) -> dict[str, float]:
    """Distinct rows and word sequences, and how the rows fall into clusters of near-duplicates.

    distinct-n is the share of sequences of n words that are different (Li et al. 2016). The
    effective number of clusters is the exponential of the entropy of their shares.
    """
    pairs = zip(texts.prompt_keys, texts.answer_keys, strict=True)
    sizes = cluster_sizes(texts)
    count = max(len(texts.rows), 1)
    return {
        "distinct_rows_share": len(set(pairs)) / count,
        "distinct_1": distinct(texts.completions, 1),
        "distinct_2": distinct(texts.completions, 2),
        "largest_cluster_share": max(sizes, default=0) / count,
        "effective_clusters": effective(np.array(sizes, dtype=float)),
    }


def cluster_sizes(texts: RowTexts) -> list[int]:
    """Of near-duplicates, by prompt or by answer. Answers of few words join nothing, nor do those
    that each of many rows has word for word: these are names of classes, if there are several.
    """
    often = frequent_answers(texts.answer_keys)
    named = often if len(often) > 1 else set()
    long = [
        family if len(answer.split()) >= 4 and answer not in named else f"row {i}"
        for i, (family, answer) in enumerate(
            zip(texts.answer_families, texts.answer_keys, strict=True)
        )
    ]
    links = [to_first(texts.prompt_families), to_first(long)]
    return list(Counter(linked(len(texts.rows), links)).values())


def effective(weights: "NDArray[np.float64]") -> float:
    """The exponential of the entropy: how many equal ones would be as diverse."""
    weights = weights[weights > 1e-12]
    if not len(weights):
        return 0.0
    shares = weights / weights.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def vendi(vectors: "NDArray[np.float32]") -> float:
    """The effective number of different rows (Friedman & Dieng 2023, cosine similarity): from the
    eigenvalues of the similarity matrix, which are those of the smaller [d, d] one.
    """
    kernel = vectors.T @ vectors / len(vectors)
    return effective(np.linalg.eigvalsh(kernel.astype(float)))


def distinct(texts: Sequence[str], n: int) -> float:
    """The share of sequences of n words that are different, over evenly chosen texts."""
    every = max(1, len(texts) // DISTINCT_TEXTS)
    seen: set[int] = set()
    total = 0
    for text in texts[::every]:
        tokens = words(text)
        grams = [hash(tuple(tokens[i : i + n])) for i in range(len(tokens) - n + 1)]
        total += len(grams)
        seen.update(grams)
    return len(seen) / total if total else 0.0


def shift(texts: RowTexts, compared: CheckReferences) -> float | None:
    if not compared.reference:
        return None
    now = [f"{p}\n{c}" for p, c in zip(texts.prompts, texts.completions, strict=True)]
    return word_shift(compared.reference, now, compared.seed)


def told_share(table: pd.DataFrame, column: str, value: str) -> float | None:
    """The share of a value among the rows that were looked at; None where the column is missing."""
    known = table[column].dropna().tolist() if column in table else []
    return known.count(value) / len(known) if known else None


def unlike(table: pd.DataFrame, column: str) -> float | None:
    same = told_share(table, column, NONE)
    return None if same is None else 1 - same


def share(which: Sequence[bool]) -> float:
    return sum(which) / max(len(which), 1)


# --- word shift -----------------------------------------------------------------------------------

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
    sides = []
    for texts in (before, now):
        size = min(len(texts), MOST_TEXTS)
        some = draw.choice(len(texts), size, replace=False) if size < len(texts) else range(size)
        sides.append([texts[i] for i in sorted(some)])
    if not all(sides):
        return 0.0
    has = presence([*sides[0], *sides[1]])
    mine = np.arange(has.shape[0]) < len(sides[0])
    dealt = np.stack([mine, *(draw.permutation(mine) for _ in range(TIMES))])
    shifts = differences(has, dealt)
    observed, by_chance = float(shifts[0]), shifts[1:]
    p = (1 + int((by_chance >= observed).sum())) / (1 + TIMES)
    return max(0.0, observed - float(by_chance.mean())) if p <= LEVEL else 0.0


def presence(texts: Sequence[str]) -> csr_array:
    """[texts, words]: one where the text has the word."""
    vocabularies = [set(words(text)) for text in texts]
    counts = Counter(word for text in vocabularies for word in text)
    place = {word: i for i, (word, _) in enumerate(counts.most_common(MOST_WORDS))}
    cells = [(row, place[w]) for row, text in enumerate(vocabularies) for w in text if w in place]
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
