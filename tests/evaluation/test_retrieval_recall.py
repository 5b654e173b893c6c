"""Whether the retriever or the model failed, told on items whose passage is known."""

import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.generation.answers import Answer
from evaluation.report.report_data import ReportData
from evaluation.report.report_page import report
from evaluation.report.retrieval_recall import retrieval_recall
from project.records.adapters import Opponent
from project.records.data import EvidencePassage, Row
from project.records.scores import Flags, ItemScore
from tests.evaluation.test_decision import BETTER, table
from tests.evaluation.test_report import evidence_on

FEES = EvidencePassage(id="fees", text="The fee is EUR 9.")
RULES = EvidencePassage(id="rules", text="Ask before you leave.")


def item(name: str, reference: str, evidence: tuple[EvidencePassage, ...] = (RULES, FEES)) -> Row:
    row = Row.of(f"{name}?", reference, group=name, source="s", row_id=name)
    return row.model_copy(update={"evidence": evidence})


def answer(name: str, *shown: EvidencePassage) -> Answer:
    return Answer(item=name, text="x", tokens=1, prompt_tokens=1, evidence=shown)


def scored(name: str, unread: tuple[str, ...] | None = None, **values: float) -> ItemScore:
    return ItemScore(item=name, champion=values, challenger=values, unread=unread)


CASES = (
    (item("right", "EUR 9 [2]."), answer("right", FEES), scored("right", invented=0)),
    (item("model", "EUR 9 [2]."), answer("model", RULES, FEES), scored("model", figures_right=0)),
    (
        item("same text", "EUR 9 [2]."),
        answer("same text", FEES.model_copy(update={"id": "7"})),
        scored("same text", wrong_abstention=1),
    ),
    (item("retriever", "EUR 9 [2]."), answer("retriever", RULES), scored("retriever", invented=1)),
    (item("half", "EUR 9 [1, 2]."), answer("half", FEES), scored("half", invented=0)),
    (
        item("unread", "EUR 9 [2]."),
        answer("unread", FEES),
        scored("unread", ("figures_right",), figures_right=0),
    ),
    (item("names none", "EUR 9."), answer("names none", FEES), scored("names none", invented=1)),
)


def test_of_wrong_answers_it_says_how_many_had_the_passage() -> None:
    found = retrieval_recall(*map(list, zip(*CASES, strict=True)))
    assert found is not None
    assert (found.n, found.shown, found.most) == (6, 4, 2)
    assert (found.wrong, found.wrong_shown) == (3, 2)
    assert found.se == pytest.approx((0.6 * 0.4 / 10) ** 0.5)


def test_without_a_retriever_nothing_is_said_and_with_one_the_report_says_it() -> None:
    rows, answers, scores = map(list, zip(*CASES, strict=True))
    without = [one.model_copy(update={"evidence": None}) for one in answers]
    assert retrieval_recall(rows, without, scores) is None
    # An index that leaves rows their own passages found none for them.
    own = [answer(row.id, *(row.evidence or ())) for row in rows]
    assert retrieval_recall(rows, own, scores) is None
    evidence = evidence_on(table(BETTER), table(BETTER))
    told = retrieval_recall(rows, answers, scores)
    shown = report(
        evidence,
        rule(evidence, Policy(), 1),
        Policy(),
        ReportData(opponent=Opponent(), dev=(), flags=Flags(), examples=(), retrieval=told),
    )
    assert "on dev, retrieval: of 6 questions whose passage is known" in shown
    assert "of 3 wrong answers 2 had it, so the model failed, and 1 did not" in shown
