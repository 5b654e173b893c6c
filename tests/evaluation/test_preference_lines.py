"""What people read of how far the preference can be trusted."""

from typing import Any

from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import weigh
from evaluation.preference.judge_calibration import preference_lines
from project.records.preferences import Calibration, Hits
from tests.evaluation.test_calibration import GOOD
from tests.evaluation.test_decision import BETTER, table
from tests.evaluation.test_report import page

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
