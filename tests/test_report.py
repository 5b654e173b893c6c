"""The page shows whatever there is to show, and nothing of an exam that stays closed."""

from evaluation.decision import rule
from evaluation.evidence import weigh
from evaluation.policy import Policy
from evaluation.report import report
from registry.records import Evidence, Opponent, ScoreTable
from tests.test_decision import BETTER, EQUAL, table


def page(evidence: Evidence, opening: int | None) -> str:
    return report(evidence, rule(evidence, Policy(), opening), Policy(), Opponent(), [])


def evidence_on(sealed: ScoreTable, dev: ScoreTable) -> Evidence:
    return weigh(sealed, Policy(), dev=dev)


def test_answers_that_are_all_equal_still_make_a_page() -> None:
    nothing = table(EQUAL, noise=0.0)
    assert "HOLD" in page(evidence_on(nothing, nothing), opening=1)


def test_a_closed_exam_is_not_shown() -> None:
    evidence = evidence_on(sealed=table(BETTER, n=61), dev=table(EQUAL, n=59))
    closed, opened = page(evidence, opening=None), page(evidence, opening=1)
    assert "Dev eval set" in closed
    assert "+0.100" not in closed
    assert "Sealed eval set" in opened
    assert "+0.100" in opened
