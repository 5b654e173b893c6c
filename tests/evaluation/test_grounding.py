"""Answers on passages: borne out, cited, invented, or rightly left open."""

import numpy as np
import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.generation.answers import Answer, Respondent, System
from evaluation.metrics.answer_sentences import AskedOnPassages, judged_sentences
from evaluation.metrics.grounding import Grounding
from evaluation.metrics.proposed_checks import Checks, with_grounding
from evaluation.scoring.built_in import COLUMNS
from project.records.data import EvidencePassage, Row
from project.records.evidence import Verdict
from project.records.scores import ItemScore, ScoreTable
from project.shown_passages import USUAL
from tests.conftest import NUMERICS, evidence_of

FEES = "The Start account costs EUR 2.50 a month. It is free for students under 26."
CARDS = (
    "A lost card is replaced for EUR 9 within five working days. "
    "The bank does not send cards by courier."
)
ASKED = "What does it cost to replace a lost card?"


def scored(answer: str, reference: str = "EUR 9 [2].", **more: object) -> dict[str, float]:
    evidence = (EvidencePassage(id="1", text=FEES), EvidencePassage(id="2", text=CARDS))
    row = Row.of(ASKED, reference, group="g", source="s")
    row = row.model_copy(update={"evidence": evidence, **more})
    given = Answer(item=row.id, text=answer, tokens=1, prompt_tokens=1)
    columns = {name: [COLUMNS[name].of(row, given)] for name in Grounding.columns}
    return {name: value for name, (value,) in Grounding().compute(**columns).items()}


@pytest.mark.parametrize(
    ("answer", "supported", "cited_right", "invented"),
    [
        ("A replacement card costs EUR 9 [2].", 1, 1, 0),
        ("A lost card is replaced for EUR 12 [2].", 0, 1, 1),
        ("A lost card is not replaced [2].", 0, 0, 0),
        ("The bank does not send cards by courier [2].", 1, 1, 0),
        ("The Start account costs EUR 2.50 a month [2].", 1, 0, 0),
        ("Replacing a lost card costs EUR 9 [2]. It arrives on the same evening [2].", 0.5, 0.5, 0),
        ("EUR 9 [7].", 1, 0, 0),
        ("A lost card costs EUR 9. [2] The Start account costs EUR 2.50 a month. [1]", 1, 1, 0),
        ("A lost card costs EUR 9.\n[2]\nThe Start account costs EUR 2.50 a month.[1]", 1, 1, 0),
        ("A lost card costs EUR 9 [2]. [1] says that the account costs EUR 2.50 a month.", 1, 1, 0),
        ("换一张卡要99元。[2]", 0, 0, 1),
        ("I do not know.", 1, 1, 0),
        ("I do not know. It costs EUR 99.", 0, 1, 1),
    ],
)
def test_each_sentence_is_held_against_the_passages(
    answer: str, supported: float, cited_right: float, invented: float
) -> None:
    found = scored(answer)
    assert (found["supported"], found["cited_right"], found["invented"]) == (
        supported,
        cited_right,
        invented,
    )


def test_the_pieces_of_an_answer_are_the_answer_and_say_what_nothing_states() -> None:
    answer = " A lost card costs EUR 12. [2] It comes by post [1, 9].\n\n[1] It is EUR 9 [2].\n"
    asked = AskedOnPassages(ASKED, "EUR 9 [2].", (FEES, CARDS))
    found = judged_sentences(asked, answer)
    assert "".join(one.text for one in found) == answer
    assert [one.borne_out for one in found] == [False, False, True]
    assert [one.cites for one in found] == [(2,), (1, 9), (1, 2)]
    assert [one.wrongly for one in found] == [(), (1, 9), (1,)]
    assert [one.unstated for one in found] == [("EUR 12",), (), ()]
    assert [one.borne_out for one in judged_sentences(asked, "I do not know.")] == [None]


def test_a_figure_of_the_recorded_calculation_is_not_invented() -> None:
    assert scored("Two cards cost EUR 18 [2].")["invented"] == 1
    assert scored("Two cards cost EUR 18 [2].", calculation="2 * 9")["invented"] == 0


@pytest.mark.parametrize(
    ("answer", "abstains"),
    [
        ("I do not know: the passages do not say.", 1),
        ("I'm not able to find that.", 1),
        ("The passages don't mention it.", 1),
        ("There is no information about courier delivery.", 1),
        ("I don’t know.", 1),
        ("That isn't mentioned.", 1),
        ("", 1),
        ("...", 1),
        ("I cannot tell exactly, but it costs EUR 99.", 0),
        ("EUR 9 [2].", 0),
        ("It does not cost more than EUR 9 [2].", 0),
        ("You do not know the PIN of a new card [2].", 0),
    ],
)
def test_abstentions_are_wrong_or_missed_by_what_the_passages_hold(
    answer: str, abstains: float
) -> None:
    assert scored(answer, answerable=True)["wrong_abstention"] == abstains
    assert scored(answer, answerable=False)["missed_abstention"] == 1 - abstains


def test_an_item_says_nothing_of_the_error_that_it_cannot_show() -> None:
    scorer = Grounding()
    columns = {"answers": ["EUR 9"], "references": ["EUR 9"], "prompts": [ASKED]}
    told = '{"answerable":%s,"calculation":null,"passages":%s}'
    scorer.compute(**columns, evidence=[told % ("false", '["Nothing."]')])
    assert scorer.inapplicable["wrong_abstention"] == [0]
    assert scorer.inapplicable["missed_abstention"] == []
    scorer.compute(**columns, evidence=[told % ("null", "[]")])
    assert all(scorer.inapplicable[name] == [0] for name, *_ in Grounding.ranges)


def test_marks_of_citations_are_no_figures_to_the_other_scorers() -> None:
    evidence = (EvidencePassage(id="1", text=CARDS),)
    row = Row.of(ASKED, "EUR 9 [1].", group="g", source="s")
    given = Answer(item=row.id, text="EUR 9 [1].", tokens=1, prompt_tokens=1)
    shown = row.model_copy(update={"evidence": evidence})
    assert COLUMNS["predictions"].of(row, given) == "EUR 9 [1]."
    assert COLUMNS["predictions"].of(shown, given) == COLUMNS["references"].of(shown, given)
    assert COLUMNS["predictions"].of(shown, given) == "EUR 9."


@pytest.mark.parametrize("template", [USUAL, None])
def test_a_system_is_asked_with_the_passages_that_its_contestant_shows(
    template: str | None,
) -> None:
    system = System(
        base="b",
        adapter=None,
        evidence_template=template,
        decoding="d",
        numerics=NUMERICS,
        code="c",
    )
    row = Row.of(ASKED, "EUR 9.", group="g", source="s")
    row = row.model_copy(update={"evidence": (EvidencePassage(id="1", text=CARDS),)})
    ((asked,),) = Respondent(system, 8, load=pytest.fail).units([row], samples=1)
    assert (CARDS in asked.prompt_text) == (template is not None)
    assert asked.id == row.id


@pytest.mark.parametrize(
    ("answerable", "unanswerable", "guards", "floors"),
    [
        (30, 30, {"wrong_abstention", "missed_abstention"}, {"invented"}),
        (200, 29, {"wrong_abstention"}, {"invented"}),
        (29, 0, set(), set()),
    ],
)
def test_what_is_guarded_is_what_the_sealed_items_could_show(
    answerable: int, unanswerable: int, guards: set[str], floors: set[str]
) -> None:
    found = with_grounding(Checks(answers="a", held="b"), answerable, unanswerable)
    assert (found.guards.keys(), found.floors.keys()) == (guards, floors)
    assert "grounding" in found.scorers


@pytest.mark.parametrize(
    ("invents", "looks", "promoted"), [(0.3, 40, range(4)), (0.05, 10, range(8, 11))]
)
def test_an_equal_on_passages_is_hardly_ever_promoted_and_a_better_one_is(
    invents: float, looks: int, promoted: range
) -> None:
    """At 160 items, of which 50 have no answer; the champion invents in 0.3 of them."""
    policy = Policy(
        gating=("invented",),
        guards={"wrong_abstention": 0.15, "missed_abstention": 0.3},
        floors={"invented": 0.5},
        better=dict.fromkeys(Grounding.less_is_better, "less"),
        ranges=dict.fromkeys(Grounding.less_is_better, (0, 1)),
    )
    drawn = np.random.default_rng(0)

    def side(invented: float) -> dict[str, float]:
        rates = {"invented": invented, "wrong_abstention": 0.1, "missed_abstention": 0.2}
        return {name: float(drawn.random() < rate) for name, rate in rates.items()}

    def one(number: int) -> ItemScore:
        other = "wrong_abstention" if number < 50 else "missed_abstention"
        return ItemScore(
            item=f"i{number}",
            champion=side(0.3),
            challenger=side(invents),
            inapplicable=(other,),
            unread=(other,),
        )

    pins = evidence_of("1" * 64, None).pins
    tables = (ScoreTable(pins=pins, items=tuple(map(one, range(160)))) for _ in range(looks))
    verdicts = [rule(weigh(table, policy), policy, 1).verdict for table in tables]
    assert verdicts.count(Verdict.PROMOTE) in promoted
