"""Preference pairs: what is learnt from, and what is held out to judge the judge."""

import pytest

from evaluation.reward import Pair, calibrate, other_answer, pairs, part
from registry.errors import InputError
from registry.records import Row


def rows(count: int, per_group: int = 1) -> list[Row]:
    return [
        Row.of(f"q{i}", f"answer {i}" + "!" * i, group=f"g{i // per_group}", source="test")
        for i in range(count)
    ]


class LikesExclamations:
    """A judge that can be seen through: more exclamation marks are better."""

    def prefer(
        self, prompts: list[str], champion: list[str], challenger: list[str]
    ) -> list[float | None]:
        both = zip(champion, challenger, strict=True)
        return [0.9 if b.count("!") > a.count("!") else 0.1 for a, b in both]


def test_no_group_is_on_both_sides() -> None:
    learnt, held_out = part(rows(20, per_group=3), share=0.25)
    assert learnt and held_out
    assert {row.group for row in learnt}.isdisjoint(row.group for row in held_out)


@pytest.mark.parametrize("count", [0, 2, 3])
def test_too_few_rows_are_refused(count: int) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl: .*too few"):
        part(rows(count), share=0.25)


def test_each_row_gives_a_pair_against_the_base_and_one_against_another_expert() -> None:
    few = rows(3)
    made = pairs(few, {row.id: "the base's answer" for row in few})
    assert len(made) == 6
    assert [pair.rejected for pair in made[:2]] == ["the base's answer", few[1].completion_text]


def test_a_base_that_answers_like_the_expert_gives_no_pair() -> None:
    few = rows(3)
    assert len(pairs(few, {row.id: row.completion_text for row in few})) == 3


def test_the_other_answer_is_the_nearest_in_length_of_another_group() -> None:
    few = rows(6, per_group=2)
    assert other_answer(few[1], few) == few[2].completion_text


def test_calibration_stands_beside_picking_the_longer() -> None:
    texts = [("yes!", "no"), ("yes", "no!"), ("no!", "a long answer"), ("good!!", "good!")]
    made = [Pair(prompt="?", chosen=good, rejected=bad) for good, bad in texts]
    found = calibrate(LikesExclamations(), made)
    assert (found.n, found.accuracy, found.longer_accuracy) == (4, 3 / 4, 2 / 4)
    assert (found.matched_n, found.matched_accuracy) == (1, 0.0)
