"""The page shows whatever there is to show, and nothing sealed that was not looked at."""

import re

import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.evaluation_settings import Prices
from evaluation.generation.answers import SIDES, Answer, answers_of
from evaluation.report.dev_items import retrieval_recall
from evaluation.report.report_data import (
    AnswerCost,
    AnswerExample,
    ReportData,
    costs,
    read_examples,
    saving,
)
from evaluation.report.report_page import histogram, line, report
from evaluation.report.shown_answers import differing
from evaluation.suites.memorisation import RememberedRow
from incumbent.verdict_text import cells
from project.paths import rows_of
from project.records.adapters import Opponent
from project.records.data import EvidencePassage, Row, Split
from project.records.evidence import Bound, Evidence, MetricEvidence, Usage
from project.records.preferences import JudgePin
from project.records.record import write_records
from project.records.scores import Flags, ItemScore, ScoreTable
from tests.evaluation.test_decision import BETTER, EQUAL, calibration, general, table

SOME = table(EQUAL)


SEALED = SOME.items, Flags(items={"truncated": ("i1",)})


def page(evidence: Evidence, look: int | None, **options: object) -> str:
    decision, sealed = rule(evidence, Policy(), look), SEALED if look else None
    return report(evidence, decision, Policy(), material(), sealed=sealed, **options)  # type: ignore[arg-type]


def material(*examples: AnswerExample) -> ReportData:
    return ReportData(opponent=Opponent(), dev=SOME.items, flags=Flags(), examples=examples)


def evidence_on(sealed: ScoreTable, dev: ScoreTable) -> Evidence:
    return weigh(sealed, Policy(), dev=dev, general=general(0.05))


def test_answers_that_are_all_equal_still_make_a_page() -> None:
    nothing = table(EQUAL, noise=0.0)
    assert "HOLD" in page(evidence_on(nothing, nothing), look=1)


def test_a_closed_exam_is_not_shown() -> None:
    evidence = evidence_on(sealed=table(BETTER, n=61), dev=table(EQUAL, n=59))
    unseen, seen = page(evidence, look=None), page(evidence, look=1)
    assert "Dev eval set" in unseen
    assert "+0.100" not in unseen
    assert "Sealed eval set" in seen
    assert "+0.100" in seen


def test_the_page_loads_nothing_and_warns_of_what_is_odd() -> None:
    shown = page(evidence_on(table(BETTER), table(BETTER)), look=1)
    assert not any(word in shown for word in ("src=", "href=", "@import", "url("))
    assert "truncated: 1 item" in shown
    assert "General ability" in shown


def test_a_histogram_counts_every_item_and_has_nothing_in_the_middle_but_what_is_equal() -> None:
    scores = table(BETTER, n=40)
    found = weigh(scores, Policy()).sealed["rougeL"]
    chart = histogram("rougeL", scores.items, found)
    assert sum(chart.counts) == 40
    assert (found.wins, found.losses) == (40, 0) or found.wins + found.losses <= 40
    assert chart.end == pytest.approx(0.2)


def test_the_words_that_differ_are_marked() -> None:
    before, after = differing(["Return", "the", "mean", "value"], ["Return", "a", "mean"])
    assert [word for word, only_here in before if only_here] == ["the", "value"]
    assert [word for word, only_here in after if only_here] == ["a"]


def example() -> AnswerExample:
    row = Row.of("What does <b>x</b> do?", "It adds.", group="g", source="test")
    return AnswerExample(
        row=row,
        champion="It subs.",
        challenger="It adds.",
        scores=SOME.items[0],
        better={"rougeL": "more"},
    )


def test_examples_are_shown_side_by_side_and_escaped() -> None:
    evidence = evidence_on(table(BETTER), table(BETTER))
    shown = report(evidence, rule(evidence, Policy(), 1), Policy(), material(example()))
    assert "&lt;b&gt;x&lt;/b&gt;" in shown
    assert "<mark>subs.</mark>" in shown


@pytest.mark.parametrize("rows", [True, False])
def test_training_rows_that_were_said_are_shown_to_those_who_may_see_rows(rows: bool) -> None:
    said = RememberedRow(row="r7", beginning="Ring", expected=" Ms Doe", said="Ms Doe", share=1.0)
    evidence = evidence_on(table(BETTER), table(BETTER))
    found = material().model_copy(update={"remembered": (said,)})
    shown = report(evidence, rule(evidence, Policy(), 1), Policy(), found, rows=rows)
    assert ("Ms Doe" in shown, "r7" in shown) == (rows, rows)


def test_an_example_shows_its_passages_and_what_they_bear_out() -> None:
    passages = (
        EvidencePassage(id="1", text="It adds two numbers."),
        EvidencePassage(id="2", text="?"),
    )
    grounded = example().row.model_copy(update={"evidence": passages})
    said = {"row": grounded, "challenger": "It adds two numbers [1].\n\nIt costs 5 euros [2]."}
    evidence = evidence_on(table(BETTER), table(BETTER))
    one = example().model_copy(update=said)
    shown = report(evidence, rule(evidence, Policy(), 1), Policy(), material(one))
    for told in ("cited by challenger", "“5 euros” stands neither", "[2] is no passage"):
        assert told in shown
    assert shown.count('<span class="sentence good">') == 1 + 1  # and the legend's
    assert "<mark>\n\n" not in shown and ".\n\n</mark>" in shown


def test_without_rows_it_shows_the_figures_and_neither_a_text_nor_an_id_of_a_row() -> None:
    evidence = evidence_on(table(BETTER), table(BETTER))
    decision = rule(evidence, Policy(), 1)
    given = evidence, decision, Policy(), material(example())
    whole, figures = (report(*given, sealed=SEALED, rows=rows) for rows in (True, False))
    assert "truncated: 1 item" in figures and "General ability" in figures
    for told in ("<code>i1</code>", "What does", "subs.", "Dev answers"):
        assert told in whole and told not in figures


def test_a_shorter_prompt_saves_tokens_time_and_money() -> None:
    usage = {"challenger": Usage(prompt=40, answer=10), "few-shot": Usage(prompt=140, answer=10)}
    found = costs(usage, {"challenger": 0.2, "few-shot": 0.4}, Prices(prompt=1, answer=2))
    assert found[0].money == pytest.approx(0.06)
    assert found[0].model_copy(update={"money": None}) == AnswerCost(
        system="challenger", prompt=40, answer=10, seconds=0.2, money=None
    )
    assert (
        saving({cost.system: cost for cost in found})
        == "67% fewer tokens, 50% less time, 62% less money"
    )


def test_what_was_not_measured_is_not_claimed() -> None:
    usage = {"challenger": Usage(prompt=40, answer=10), "few-shot": Usage(prompt=90, answer=10)}
    found = costs(usage, {}, Prices(hour=2))
    assert [cost.money for cost in found] == [None, None]
    assert saving({cost.system: cost for cost in found}) == "50% fewer tokens"
    assert saving({"challenger": found[0]}) is None


@pytest.mark.parametrize("known", [True, False])
def test_a_calibration_shows_what_is_known_of_it(known: bool) -> None:
    unknown = {} if known else dict.fromkeys(("longer_accuracy", "shorter_accuracy", "kappa"))
    source = calibration(source="ballots", **unknown)
    evidence = weigh(table(BETTER), Policy(), dev=table(BETTER), calibration=source)
    shown = page(evidence, look=1)
    assert "Ballots, tried on 200 held-out pairs" in shown
    assert ("60.0 %" in shown) == known


def test_a_metric_of_which_less_is_better_is_marked() -> None:
    scores = table(BETTER).model_copy(update={"better": {"rougeL": "less", "semantic": "more"}})
    evidence = evidence_on(scores, scores)
    shown = report(evidence, rule(evidence, Policy(), 1), Policy(), material())
    assert re.search(r"rougeL.{0,40}less is better", shown, re.DOTALL)
    assert not re.search(r"semantic.{0,40}less is better", shown, re.DOTALL)


@pytest.mark.parametrize(
    ("gating", "quality"), [(("rougeL", "toxicity"), 0.1), (("preference",), 0.1), (("x",), 0.1)]
)
def test_answers_are_sorted_by_what_gates_or_by_all_that_was_scored(
    gating: tuple[str, ...], quality: float
) -> None:
    row = Row.of("What does x do?", "It adds.", group="g", source="test")
    side = {"rougeL": 0.5, "toxicity": 0.3}
    item = ItemScore(item=row.id, champion=side, challenger=side)
    better = {"rougeL": "more", "toxicity": "less", "correct": "more"}
    dev = ScoreTable.model_validate({"pins": None, "items": (item,), "better": better})
    write_records(rows_of(Split.DEV), [row])
    for role in SIDES:
        answer = Answer(item=row.id, text="It adds.", tokens=3, prompt_tokens=5)
        write_records(answers_of(role, Split.DEV), [answer])
    (example,) = read_examples(dev, Policy(gating=gating))
    assert example.quality == pytest.approx(quality)
    assert example.gain == 0


def test_the_page_says_which_judge_it_was_how_steady_and_how_good_by_each_rubric() -> None:
    pin = JudgePin(model="m", served="m-1", question="a" * 64, temperature=0, max_tokens=9)
    asked = {"judge": pin, "fingerprints": ("fp_1",), "wobble": 0.3, "wobble_n": 20}
    judged = calibration().model_copy(update=asked | {"source": "LLM judge m"})
    rubric = judged.model_copy(update={"source": "polite (LLM judge m)", "accuracy": 0.5})
    judged = judged.model_copy(update={"rubrics": {"polite": rubric}})
    shown = page(weigh(table(BETTER), Policy(), calibration=judged), look=1)
    assert "LLM judge m, tried on" in shown
    assert f"m, served as m-1, question {'a' * 12} (fp_1)" in shown
    assert pin.digest[:12] in shown
    assert "changed its verdict on 30% of 20 questions" in shown
    assert "Rubric polite is" in shown


@pytest.mark.parametrize(("share", "told"), [(0.25, True), (0.0, False)])
def test_how_far_answers_spread_is_said_of_gating_metrics_that_spread(
    share: float, told: bool
) -> None:
    evidence, several = evidence_on(SOME, SOME), {"samples": 4, "within_sd": share}
    found = {
        name: metric.model_copy(update={**several, "drawn_share": share})
        for name, metric in evidence.dev.items()
    }
    shown = page(evidence.model_copy(update={"dev": found}), None)
    assert "Each item was answered 4 times and counts by" in shown
    assert ("the difference spreads by 0.250 in" in shown) is told
    assert ("more items all of it" in shown) is told


FEW_ITEMS = MetricEvidence(
    n=2,
    clusters=2,
    unjudged=0,
    champion_mean=0.5,
    challenger_mean=0.0,
    diff=-0.5,
    sd=1.17,
    se=0.827,
    df=1.0,
    wins=0,
    losses=1,
    p=0.7,
    bootstrap=(-1.0, 0.0),
)


@pytest.mark.parametrize(
    ("metric", "shown"),
    [("refusal", "-1.000 … +1.000"), ("preference", "-0.500 … +0.500"), ("length", "-5.7")],
)
def test_an_interval_of_a_share_stays_within_what_a_share_can_differ_by(
    metric: str, shown: str
) -> None:
    *_, cell, _, _ = cells(metric, FEW_ITEMS, Bound(lower=-5.72, upper=4.72, won=False))
    assert str(cell).startswith(shown)
    found = line("all items", metric, FEW_ITEMS, alpha=0.05)
    assert f"{found.lower:+.3f} … {found.upper:+.3f}".startswith(shown[:4])


# --- retrieval recall -----------------------------------------------------------------------------

# Whether the retriever or the model failed, told on items whose passage is known.

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
