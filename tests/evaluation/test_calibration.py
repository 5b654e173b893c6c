"""A judge is trusted as far as it agrees with pairs of which the better answer is known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluation.preference.judge_calibration import (
    calibrate,
    calibrate_reviewers,
    comparison_of,
)
from evaluation.preference.preference_pairs import AnswerPair, Judgement
from project.errors import InputError
from project.records.ballots import Ballot
from project.records.preferences import Calibration, PreferencePair


class Opinion:
    """A judge by a rule: the worth of an answer, None where it has no opinion."""

    source = "a rule"

    def __init__(self, worth: Callable[[str], float | None], first: float | None = None) -> None:
        self.worth = worth
        self.first = first

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        return [self.judge(comparison) for comparison in comparisons]

    def judge(self, comparison: AnswerPair) -> Judgement:
        a, b = self.worth(comparison.champion), self.worth(comparison.challenger)
        if a is None or b is None:
            return Judgement(win_probability=None)
        return Judgement(win_probability=0.5 if a == b else 0.9 if b > a else 0.1, first=self.first)


def exclamations(text: str) -> float:
    return float(text.count("!"))


def pairs(count: int) -> list[PreferencePair]:
    """The better answer is the longer one in two of four pairs; two of four are of like length."""
    shapes = [
        ("yes, please!", "no"),
        ("y!", "not at all"),
        ("yes!!", "no..."),
        ("yes!..", "no...."),
    ]
    return [
        PreferencePair(prompt=f"question {i}", chosen=shapes[i % 4][0], rejected=shapes[i % 4][1])
        for i in range(count)
    ]


def test_a_judge_that_is_always_right_beats_length_and_chance() -> None:
    found = calibrate(Opinion(exclamations), pairs(40))
    assert (found.n, found.unjudged) == (40, 0)
    assert (found.accuracy, found.kappa, found.first_rate) == (1.0, 1.0, None)
    assert (found.longer_accuracy, found.shorter_accuracy) == (0.5, 0.5)
    assert (found.matched_n, found.matched_accuracy) == (20, 1.0)
    assert (found.matched_longer, found.matched_shorter) == (0.5, 0.5)
    assert found.advisory is None
    assert str(found) == "a rule: 100% of 40 held-out pairs"


def test_a_judge_of_length_reaches_what_length_reaches() -> None:
    found = calibrate(Opinion(len), pairs(40))
    assert found.accuracy == found.longer_accuracy
    assert found.matched_accuracy == found.matched_longer
    assert "picking the longer answer" in str(found.advisory)


def test_the_frozen_cosine_is_a_rival_that_makes_nobody_advisory() -> None:
    """It knows content: a judge that does no better may still be a good one."""
    found = calibrate(Opinion(exclamations), pairs(40), cosine=Opinion(exclamations))
    assert (found.cosine_accuracy, found.matched_cosine) == (1.0, 1.0)
    assert found.advisory is None
    worse = found.model_copy(update={"accuracy": 0.9, "matched_accuracy": 0.9})
    assert worse.advisory is None


def test_ties_count_half_and_what_is_unjudged_is_left_out() -> None:
    def worth(text: str) -> float | None:
        return None if "please" in text else min(exclamations(text), 1.0) if "!!" in text else 0.0

    found = calibrate(Opinion(worth, first=0.25), pairs(8))
    assert (found.n, found.unjudged) == (6, 2)
    assert found.accuracy == pytest.approx((2 * 1 + 4 * 0.5) / 6)
    assert found.longer_accuracy == pytest.approx((2 * 0 + 4 * 0.5) / 6)
    assert found.first_rate == 0.25


def test_both_sides_are_right_about_as_often_in_the_same_way_in_every_run() -> None:
    many = pairs(200)
    sides = ["!" in comparison_of(pair).challenger for pair in many]
    assert 70 < sum(sides) < 130
    assert sides == ["!" in comparison_of(pair).challenger for pair in many]


def test_a_judge_that_always_takes_one_side_agrees_by_chance_only() -> None:
    class Loyal(Opinion):
        def judge(self, comparison: AnswerPair) -> Judgement:
            return Judgement(win_probability=0.0)

    found = calibrate(Loyal(exclamations), pairs(200))
    assert found.kappa == 0.0
    assert found.advisory is not None


def test_without_pairs_there_is_no_calibration() -> None:
    with pytest.raises(InputError, match="no held-out pairs"):
        calibrate(Opinion(exclamations), [])


def test_a_judge_without_any_opinion_is_not_calibrated() -> None:
    found = calibrate(Opinion(lambda text: None), pairs(4))
    assert (found.n, found.unjudged, found.accuracy, found.kappa) == (0, 4, None, None)
    assert found.advisory == "no held-out pair tells how good a rule is"
    assert str(found) == "a rule: not calibrated"


GOOD: dict[str, Any] = {
    "source": "judge",
    "n": 100,
    "unjudged": 0,
    "accuracy": 0.8,
    "kappa": 0.6,
    "first_rate": 0.5,
    "longer_accuracy": 0.6,
    "shorter_accuracy": 0.4,
    "matched_n": 40,
    "matched_accuracy": 0.7,
    "matched_longer": 0.55,
    "matched_shorter": 0.45,
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"accuracy": 0.6}, "60% of the held-out pairs, picking the longer answer on 60%"),
        ({"longer_accuracy": 0.1, "shorter_accuracy": 0.9}, "picking the shorter answer on 90%"),
        ({"matched_longer": 0.7}, "those of like length, picking the longer answer on 70%"),
        ({"matched_shorter": 0.75}, "those of like length, picking the shorter answer on 75%"),
        # scipy's Wilson bound of 70 % is .516 at n = 20 and .442 at n = 10.
        ({"matched_n": 20}, None),
        (
            {"matched_n": 10},
            "70% of 10 pairs of like length, where a coin may be as good: 95 % sure is only 44%",
        ),
        ({"matched_n": 0, "matched_accuracy": None}, "no held-out pair of like length"),
    ],
)
def test_a_source_is_advisory_unless_it_beats_length_and_chance(
    change: dict[str, Any], reason: str | None
) -> None:
    found = Calibration(**GOOD | change).advisory
    assert found is None if reason is None else reason in str(found)


def ballot(item: int, reviewer: str, choice: str, left: str = "base") -> Ballot:
    right = "new" if left == "base" else "base"
    text = {"item": f"i{item}", "reviewer": reviewer, "left": left, "right": right}
    return Ballot.model_validate(text | {"choice": choice, "at": "2026-01-31T12:00:00Z"})


def test_reviewers_are_held_against_the_majority_of_the_others() -> None:
    ballots = [
        ballot(1, "ana", "left"),
        ballot(1, "ben", "right", left="new"),
        ballot(1, "eva", "right"),
        ballot(2, "ana", "tie"),
        ballot(2, "ben", "right"),
        ballot(3, "ana", "left"),
    ]
    found = calibrate_reviewers(ballots)
    # Item 1: eva is wrong, and without her vote no majority judges ana or ben.
    # Item 2: ana's tie is half right. Nobody is there to judge ben's choice, nor ana's on item 3.
    assert (found.n, found.unjudged, found.accuracy) == (2, 4, 0.25)
    assert found.first_rate == 0.25
    assert found.longer_accuracy is None
    assert "25% of 2 held-out pairs, where a coin may be as good" in str(found.advisory)


def test_reviewers_who_agree_carry_a_promotion() -> None:
    both = [
        ballot(item, reviewer, "left" if item % 3 else "right", left="new" if item % 2 else "base")
        for item in range(20)
        for reviewer in ("ana", "ben")
    ]
    found = calibrate_reviewers(both)
    assert (found.n, found.accuracy, found.kappa) == (40, 1.0, 1.0)
    assert found.advisory is None


def test_a_single_reviewer_is_advisory() -> None:
    found = calibrate_reviewers([ballot(item, "ana", "left") for item in range(50)])
    assert (found.n, found.unjudged) == (0, 50)
    assert found.advisory == "no held-out pair tells how good ballots is"


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = calibrate(Opinion(exclamations), pairs(7))
    found.write(tmp_path / "calibration.json")
    assert Calibration.read(tmp_path / "calibration.json") == found
