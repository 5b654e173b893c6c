"""Whether a judge can tell two tuned adapters apart."""

from evaluation.generation.answers import Answer
from evaluation.preference.tuned_pairs import agreement, lead, with_tuned
from project.records.calibration import Calibration
from project.records.data import Row
from project.records.scores import ItemScore, ScoreTable
from tests.conftest import evidence_of
from tests.evaluation.test_calibration import GOOD

RIGHT, WRONG = "It costs 20 euros for 7 days.", "It costs 50 euros for 9 days."
ROW = Row.of("What does it cost?", RIGHT, group="g", source="s")


def item(preference: float | None, champion: float = 0.5, challenger: float = 0.5) -> ItemScore:
    sides = {"champion": {"semantic": champion}, "challenger": {"semantic": challenger}}
    return ItemScore.model_validate({"item": ROW.id, "preference": preference} | sides)


def test_the_side_that_keeps_the_facts_leads_and_the_judge_should_take_it() -> None:
    assert lead(item(0.9), RIGHT, WRONG, RIGHT) == 1
    assert agreement(item(0.9), RIGHT, WRONG, RIGHT) == 1
    assert agreement(item(0.9), RIGHT, RIGHT, WRONG) == 0
    assert agreement(item(0.5), RIGHT, RIGHT, WRONG) == 0.5


def test_without_facts_a_clear_gap_in_meaning_counts_and_a_small_one_does_not() -> None:
    assert lead(item(0.9, 0.4, 0.6), "Ask us.", "No.", "Ask.") == 1
    assert lead(item(0.9, 0.5, 0.55), "Ask us.", "No.", "Ask.") == 0


def test_where_facts_and_meaning_disagree_nothing_is_clear() -> None:
    assert agreement(item(0.9, 0.9, 0.3), RIGHT, WRONG, RIGHT) is None
    assert agreement(item(None), RIGHT, WRONG, RIGHT) is None


def tuned(champion: str | None, source: str = "reward model") -> Calibration:
    table = ScoreTable(pins=evidence_of("c" * 64, champion).pins, items=(item(0.9),))
    sides = [[Answer(item=ROW.id, text=text, tokens=1, prompt_tokens=1)] for text in (WRONG, RIGHT)]
    return with_tuned(Calibration(**GOOD | {"source": source}), table, [ROW], *sides)


def test_only_two_adapters_are_counted_and_people_are_not_held_against_scores() -> None:
    found = tuned("a" * 64).tuned
    assert found and (found.n, found.accuracy) == (1, 1.0)
    assert tuned(None).tuned is None
    assert tuned("a" * 64, "ballots").tuned is None
