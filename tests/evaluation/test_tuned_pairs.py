"""Whether a judge can tell two tuned adapters apart."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from evaluation.generation.answers import Answer
from evaluation.preference.judge_calibration import clear_lead, lead, with_tuned
from project.records.data import Row
from project.records.preferences import Calibration, Hits
from project.records.scenarios import Scenario, SimulatedUser
from project.records.scores import ItemScore, ScoreTable
from tests.conftest import evidence_of
from tests.evaluation.test_calibration import GOOD

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
