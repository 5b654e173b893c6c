"""Pairs made of training rows: harder than the base's answer, and never as right."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from evaluation.preference.judge_calibration import calibrate
from evaluation.preference.preference_pairs import MadePair
from evaluation.preference.reward_model import ExchangeVectors
from evaluation.preference.worse_answers import made_pairs
from project.records.data import Row
from tests.evaluation.test_calibration import Opinion

WORDS = ("lend", "repair", "feed", "books", "bikes", "dogs", "cats")


class ByWords(ExchangeVectors):
    """A text is the words in it, so that alike is what shares them."""

    def vectors(self, texts: Sequence[str], cut: str) -> Tensor:
        rows = [[float(word in text.lower()) for word in WORDS] for text in texts]
        return torch.nn.functional.normalize(torch.tensor(rows), dim=1)


def row(asked: str, answer: str, group: str | None = None) -> Row:
    return Row.of(asked, answer, group=group or asked, source="s")


ROWS = [
    row("Do you lend books?", "We lend books for two weeks."),
    row("Do you lend bikes?", "We lend bikes for ten days."),
    row("Do you feed dogs?", "We feed dogs at five, please."),
    row("Do you lend books now?", "We lend books for two weeks!"),
    row("Do you lend dogs?", "Never, as all our dogs like to stay at home, and so do the cats."),
]
OWN = {one.id: "I am a model." for one in ROWS}


def pairs(rows: Sequence[Row] = ROWS, own: dict[str, str] = OWN, others: int = 1) -> list[MadePair]:
    return made_pairs(rows, own, ByWords(Path()), others=others)


def rejected(made: Sequence[MadePair], kind: str, asked: Row) -> list[str]:
    return [p.rejected for p in made if (p.kind, p.prompt) == (kind, asked.prompt_text)]


def test_the_other_rows_answer_is_of_like_length_and_to_the_likest_question() -> None:
    assert rejected(pairs(), "other_row", ROWS[0]) == [ROWS[1].completion_text]


def test_an_answer_that_says_nearly_the_same_is_never_the_worse_one() -> None:
    found = rejected(pairs(others=9), "other_row", ROWS[0])
    assert ROWS[3].completion_text not in found and len(found) == 3


def test_nor_is_one_of_its_own_group() -> None:
    same = [one.model_copy(update={"group": "all"}) for one in ROWS]
    assert not [pair for pair in pairs(same) if pair.kind == "other_row"]


def test_a_base_that_says_what_the_expert_says_gives_no_pair() -> None:
    own = OWN | {ROWS[0].id: f"Sure: {ROWS[0].completion_text.upper()} Bye."}
    assert rejected(pairs(own=own), "base", ROWS[0]) == []
    assert rejected(pairs(own=own), "base", ROWS[1]) == ["I am a model."]


def test_every_kind_that_can_be_made_of_an_answer_is_made() -> None:
    kinds = [pair.kind for pair in pairs() if pair.prompt == ROWS[0].prompt_text]
    assert kinds == ["base", "other_row", "wrong_fact", "impolite", "cut_off", "generic"]


def test_for_a_judge_that_is_dear_to_ask_one_kind_is_drawn() -> None:
    made = made_pairs(ROWS, OWN, ByWords(Path()), every_kind=False)
    assert len(made) == 3 * len(ROWS)


def test_wrong_facts_count_by_themselves_alone() -> None:
    found = calibrate(Opinion(lambda text: -float("two weeks" in text)), pairs(ROWS[:2]))
    assert found.kinds and found.kinds["wrong_fact"].n == 2
    assert found.n == sum(hits.n for kind, hits in found.kinds.items() if kind != "wrong_fact")
