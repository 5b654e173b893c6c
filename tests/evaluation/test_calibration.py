"""A judge is trusted as far as it agrees with pairs of which the better answer is known."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import weigh
from evaluation.generation.answers import Answer
from evaluation.preference.judge_calibration import (
    calibrate,
    calibrate_reviewers,
    clear_lead,
    comparison_of,
    lead,
    preference_lines,
    with_tuned,
)
from evaluation.preference.preference_pairs import AnswerPair, Judgement
from project.errors import InputError
from project.records.ballots import Ballot
from project.records.data import Row
from project.records.preferences import Calibration, Hits, PreferencePair
from project.records.scenarios import Scenario, SimulatedUser
from project.records.scores import ItemScore, ScoreTable
from tests.conftest import evidence_of
from tests.evaluation.test_decision import BETTER, table
from tests.evaluation.test_report import page


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
    assert found.advisory == "no vote could be held against another person's on the same item"


def test_where_nobody_voted_that_is_why_it_is_advisory() -> None:
    assert calibrate_reviewers([]).advisory == "nobody has voted yet"


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = calibrate(Opinion(exclamations), pairs(7))
    found.write(tmp_path / "calibration.json")
    assert Calibration.read(tmp_path / "calibration.json") == found


# --- lines ----------------------------------------------------------------------------------------

# What people read of how far the preference can be trusted.

LEARNT: dict[str, Any] = GOOD | {
    "source": "reward model",
    "cosine_accuracy": 0.65,
    "matched_cosine": 0.6,
    "kinds": {"base": Hits(n=50, accuracy=0.9), "wrong_fact": Hits(n=20, accuracy=0.5)},
    "tuned": Hits(n=31, accuracy=0.71),
}


def lines(**changes: Any) -> str:
    return "\n".join(preference_lines(Calibration(**LEARNT | changes)))


def test_the_stage_says_how_the_frozen_cosine_does_and_each_kind_of_pair() -> None:
    said = lines()
    assert "70% of 40 pairs of like length" in said
    assert "the base's answer 90% of 50" in said
    assert "the frozen cosine of prompt and answer is right on 65% of them" in said
    assert "advisory" not in said


def test_where_the_frozen_cosine_judges_it_says_so() -> None:
    assert "the frozen cosine of prompt and answer judges" in lines(source="frozen cosine")


def test_the_page_shows_rival_kinds_and_tuned_pairs() -> None:
    known = Calibration(**LEARNT)
    shown = page(weigh(table(BETTER), Policy(), calibration=known), look=1)
    assert "Frozen cosine" in shown and "wrong fact 50.0 % of 20" in shown
    assert "On 31 dev items one of them clearly keeps more" in shown


def test_what_was_stored_before_there_were_such_figures_reads_and_shows_as_it_did() -> None:
    old = Calibration(**GOOD)
    assert b"cosine" not in old.canonical() and b"tuned" not in old.canonical()
    shown = page(weigh(table(BETTER), Policy(), calibration=old), look=1)
    assert "Frozen cosine" not in shown


# --- tuned pairs ----------------------------------------------------------------------------------

# Whether a judge can tell two tuned adapters apart.

RIGHT, WRONG = "It costs 20 euros for 7 days.", "It costs 50 euros for 9 days."
ROW = Row.of("What does it cost?", RIGHT, group="g", source="s")


def item(preference: float | None, champion: float = 0.5, challenger: float = 0.5) -> ItemScore:
    sides = {"champion": {"semantic": champion}, "challenger": {"semantic": challenger}}
    return ItemScore.model_validate({"item": ROW.id, "preference": preference} | sides)


def hit(*given: Any) -> float | None:
    found = clear_lead(*given)
    return found.hit if found else None


def test_the_side_that_keeps_the_facts_leads_and_the_judge_should_take_it() -> None:
    assert lead(item(0.9), RIGHT, WRONG, RIGHT) == 1
    assert hit(item(0.9), RIGHT, WRONG, RIGHT) == 1
    assert hit(item(0.9), RIGHT, RIGHT, WRONG) == 0
    assert hit(item(0.5), RIGHT, RIGHT, WRONG) == 0.5


def test_without_facts_a_clear_gap_in_meaning_counts_and_a_small_one_does_not() -> None:
    assert lead(item(0.9, 0.4, 0.6), "Ask us.", "No.", "Ask.") == 1
    assert lead(item(0.9, 0.5, 0.55), "Ask us.", "No.", "Ask.") == 0


def test_where_facts_and_meaning_disagree_nothing_is_clear() -> None:
    assert hit(item(0.9, 0.9, 0.3), RIGHT, WRONG, RIGHT) is None
    assert hit(item(None), RIGHT, WRONG, RIGHT) is None


ROWS = [Row.of(f"What does {i} cost?", RIGHT, group="g", source="s") for i in range(50)]


def tuned(
    leads: Sequence[int],
    preference: float = 0.9,
    champion: str | None = "a" * 64,
    source: str = "reward model",
    samples: int = 1,
    rows: Sequence[Row] = ROWS,
) -> Hits | None:
    """Of items on which the challenger (1) or the champion (−1) keeps the facts."""
    items, ours, theirs = [], [], []
    for (row, leading), sample in product(zip(rows, leads, strict=False), range(samples)):
        about = {"item": row.id, "sample": sample}
        items.append(item(preference).model_copy(update=about))
        texts = (WRONG, RIGHT) if leading > 0 else (RIGHT, WRONG)
        for side, text in zip((ours, theirs), texts, strict=True):
            side.append(Answer.model_validate({**about, "text": text} | COSTS))
    table = ScoreTable(pins=evidence_of("c" * 64, champion).pins, items=tuple(items))
    made = Calibration(**GOOD | {"source": source})
    return with_tuned(made, table, rows, ours, theirs).tuned


COSTS = {"tokens": 1, "prompt_tokens": 1}
BOTH = [1] * 15 + [-1] * 5


def test_only_two_adapters_are_counted_and_people_are_not_held_against_scores() -> None:
    assert tuned(BOTH) is not None
    assert tuned(BOTH, champion=None) is None
    assert tuned(BOTH, source="ballots") is None


def test_whole_conversations_say_nothing_of_who_keeps_more_of_a_reference() -> None:
    scenario = {"scenario": Scenario(user=SimulatedUser(), say=(9,))}
    assert tuned(BOTH, rows=[row.model_copy(update=scenario) for row in ROWS]) is None


def test_a_judge_that_always_takes_the_challengers_side_is_right_by_half() -> None:
    assert tuned(BOTH) == Hits(n=20, accuracy=0.5)
    assert tuned(BOTH, preference=0.1) == Hits(n=20, accuracy=0.5)


@pytest.mark.parametrize("leads", [[1] * 40, [1] * 40 + [-1] * 4])
def test_where_nearly_always_one_of_them_leads_nothing_is_measured(leads: list[int]) -> None:
    assert tuned(leads) is None


def test_an_item_counts_once_however_often_it_was_answered() -> None:
    assert tuned(BOTH, samples=4) == tuned(BOTH)
    assert tuned([1, 1, -1, -1, -1], samples=4) is None
