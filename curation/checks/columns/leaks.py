"""Rows that teach what an examination asks: the eval sets' items, or the suites'."""

from collections.abc import Sequence

from curation.checks.columns.repeats import NONE
from curation.checks.columns.row_texts import RowTexts
from curation.kin.kinship import PARTS, asking_alike
from project.records.data import Row, Split

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
    taught = taught_prompts([texts.rows[i] for i in places], others)
    how = dict.fromkeys(reworded, REWORDED) | {places[i]: alike for (i, _), alike in taught.items()}
    return [f"{why}, {how[i]}" if i in how else NONE for i in range(len(texts.rows))]


def taught_prompts(rows: Sequence[Row], asked: Sequence[str]) -> dict[tuple[int, int], str]:
    """The places of rows with those of what is asked elsewhere, where a row asks that, and how much
    alike; the weakest first.

    What was asked before in a conversation is not taught: its answer is no row's completion. What
    its last turn asks is.
    """
    pairs = asking_alike([row.prompt_text for row in rows], asked)
    turns = {(i, j) for (i, j), how in pairs.items() if how == PARTS and has_earlier_turns(rows[i])}
    places = sorted({i for i, _ in turns})
    last = asking_alike([rows[i].prompt[-1].content for i in places], asked)
    now = {(places[k], j): how for (k, j), how in last.items()}
    return pairs | {pair: now.get(pair, EARLIER) for pair in turns}


def has_earlier_turns(row: Row) -> bool:
    return sum(turn.role == "user" for turn in row.prompt) > 1


def training(texts: RowTexts) -> list[int]:
    return [i for i, split in enumerate(texts.splits) if split == Split.TRAIN]


def eval_places(texts: RowTexts) -> list[int]:
    return [i for i, split in enumerate(texts.splits) if split != Split.TRAIN]
