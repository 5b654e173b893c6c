"""Rows that teach what an examination asks: the eval sets' items, or the suites'."""

from collections.abc import Sequence

from curation.checks.columns.overlap import SEQUENCES, overlapping
from curation.checks.columns.repeats import NONE
from curation.checks.columns.row_texts import RowTexts
from project.records.data import Split

REWORDED = "in other words"
EARLIER = "in an earlier turn"


def leaks(texts: RowTexts, evals: Sequence[str], reworded: Sequence[int] = ()) -> list[str]:
    """The training rows that ask what an eval item asks. `reworded` are known by their meaning."""
    return asked_elsewhere(texts, evals, reworded, "asks what an eval item asks")


def contaminated(texts: RowTexts, suites: Sequence[str], reworded: Sequence[int] = ()) -> list[str]:
    """The training rows that ask what an item of a suite asks, for general ability or safety."""
    return asked_elsewhere(texts, suites, reworded, "asks what a suite asks")


def asked_elsewhere(
    texts: RowTexts, others: Sequence[str], reworded: Sequence[int], why: str
) -> list[str]:
    places = training(texts)
    found = overlapping([texts.prompts[i] for i in places], others)
    how = dict.fromkeys(reworded, REWORDED) | {places[i]: alike for i, alike in found.items()}
    # What was asked before in a conversation is not taught: its answer is no row's completion.
    how |= {
        i: EARLIER
        for i, alike in how.items()
        if alike == SEQUENCES and sum(turn.role == "user" for turn in texts.rows[i].prompt) > 1
    }
    return [f"{why}, {how[i]}" if i in how else NONE for i in range(len(texts.rows))]


def training(texts: RowTexts) -> list[int]:
    return [i for i, split in enumerate(texts.splits) if split == Split.TRAIN]


def eval_places(texts: RowTexts) -> list[int]:
    return [i for i, split in enumerate(texts.splits) if split != Split.TRAIN]
