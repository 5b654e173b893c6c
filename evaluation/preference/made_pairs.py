"""Pairs made of training rows: the expert's answer against worse ones, each kind by its name.

The base's own answer teaches what a bad answer sounds like. Other rows' answers are experts' too,
to like questions and of like length, so that only what they say can tell them apart. The others
are the expert's answer made worse in one way.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from evaluation.preference.exchange_vectors import ExchangeVectors
from evaluation.preference.judge_calibration import LIKE_LENGTH
from evaluation.preference.preference_pairs import MadePair
from evaluation.preference.worse_answers import WORSE, draw_option
from project.item_prompts import bare
from project.records.data import Row

BASE, OTHER_ROW = "base", "other_row"
AS_RIGHT = 0.85  # from this cosine on, another row's answer may be as right


def made_pairs(
    rows: Sequence[Row],
    own_answers: Mapping[str, str],
    vectors: ExchangeVectors,
    *,
    others: int = 1,
    every_kind: bool = True,
) -> list[MadePair]:
    """The rows' pairs, by row. `own_answers` are the base's, by row; `others` is how many other
    rows' answers each is held against. Without `every_kind` a row's answer is made worse in one of
    the ways that are possible, drawn by its id: for a judge that is dear to ask.
    """
    elsewhere = answers_of_other_rows(rows, vectors, others)
    return [
        MadePair(prompt=row.prompt_text, chosen=row.completion_text, rejected=text, kind=kind)
        for row, theirs in zip(rows, elsewhere, strict=True)
        for kind, text in (
            *of_base(row, own_answers[row.id]),
            *((OTHER_ROW, text) for text in theirs),
            *made_worse(row, every_kind=every_kind),
        )
    ]


def of_base(row: Row, answer: str) -> list[tuple[str, str]]:
    """None where it says what the expert says, whatever comes before or after that."""
    says_it = f" {bare(row.completion_text)} " in f" {bare(answer)} "
    return [] if says_it else [(BASE, answer)]


def made_worse(row: Row, *, every_kind: bool) -> list[tuple[str, str]]:
    found = [
        (kind, text)
        for kind, worse in WORSE.items()
        if (text := worse(row.completion_text, row.id)) is not None
    ]
    return found if every_kind or not found else [draw_option(found, "kind", row.id)]


def answers_of_other_rows(
    rows: Sequence[Row], vectors: ExchangeVectors, count: int
) -> Iterator[list[str]]:
    """Of each row so many other rows' answers: of like length first, then to the likest questions.

    None of them is of its group, or says nearly the same.
    """
    questions = vectors.prompts([row.prompt_text for row in rows])
    answers = vectors.answers([row.completion_text for row in rows])
    lengths = torch.tensor([float(len(row.completion_text)) for row in rows])
    for i, row in enumerate(rows):
        own = torch.tensor([other.group == row.group for other in rows])
        barred = own | (answers @ answers[i] >= AS_RIGHT)
        worth = like_length(lengths, i).float() * 3 + questions @ questions[i]
        worth[barred] = -torch.inf
        order = torch.argsort(-worth, stable=True)[: min(count, int((~barred).sum()))].tolist()
        yield [rows[j].completion_text for j in order]


def like_length(lengths: Tensor, i: int) -> Tensor:
    """Whether each length is like that of row i [n]."""
    return (lengths - lengths[i]).abs() < LIKE_LENGTH * torch.maximum(lengths, lengths[i])
