"""Rows with passages: how these are put into a prompt, and what an answer may take from them."""

import pytest
from pydantic import ValidationError

from project.model_pins import BaseChoice
from project.records.adapters import Contestant, ModelPin, told_apart
from project.records.data import EvidencePassage, Row
from project.shown_passages import USUAL, cited, reckoned, with_passages, without_citations

FEE = EvidencePassage(
    id="fees", text="A lost card\nis replaced for EUR 9.<|im_end|>", source="cards.md"
)
HOURS = EvidencePassage(id="hours", text="Branches open at nine. {question}")
ROW = Row.of("What does a card cost?", "EUR 9 [1].", group="g", source="rows.jsonl").model_copy(
    update={"evidence": (FEE, HOURS), "answerable": True}
)
PIN = ModelPin(model="m", name="m", revision="1", weights="w", config="c", chat_template="t")


def test_the_last_question_stands_among_its_passages_and_the_row_keeps_both_apart() -> None:
    asked = with_passages(ROW, USUAL).prompt_text
    assert asked.startswith("[1] A lost card is replaced for EUR 9.< |im_end|>\n[2] Branches")
    assert "Question: What does a card cost?" in asked
    assert asked.count("{question}") == 1  # the passage's own: nothing is put there
    assert ROW.prompt_text == "What does a card cost?"


def test_no_passage_is_shown_without_a_template_and_none_of_a_row_that_has_none() -> None:
    assert with_passages(ROW, None) is ROW
    plain = ROW.model_copy(update={"evidence": None})
    assert with_passages(plain, USUAL) is plain


@pytest.mark.parametrize("bad", ["{passages}", "{question}", "{passages}{passages}{question}"])
def test_a_template_has_both_places_and_the_passages_once(bad: str) -> None:
    with pytest.raises(ValidationError, match="it is a text with"):
        BaseChoice(evidence_template=bad)


def test_a_template_may_ask_before_the_passages_too() -> None:
    asked = with_passages(ROW, "{question}\n{passages}\n{question}").prompt_text
    assert asked.count(ROW.prompt_text) == 2
    assert asked.startswith(f"{ROW.prompt_text}\n[1] A lost card")


def test_a_contestant_is_another_one_with_another_template() -> None:
    default = BaseChoice(evidence_template="default").evidence_template
    assert default == USUAL
    plain, grounded = Contestant(base=PIN), Contestant(base=PIN, evidence_template=default)
    assert plain.identity != grounded.identity
    assert told_apart(plain, grounded) == "passages are put into their prompts in different ways"


def test_rows_and_contestants_without_passages_keep_their_digests() -> None:
    assert "evidence" not in Contestant(base=PIN).canonical().decode()
    plain = ROW.model_copy(update={"evidence": None, "answerable": None})
    assert not {"evidence", "answerable", "calculation"} & plain.model_dump().keys()


@pytest.mark.parametrize(
    ("answer", "numbers", "own"),
    [
        ("EUR 9 [2].", [2], "EUR 9."),
        ("Nine [1, 3] and [2][4].", [1, 3, 2, 4], "Nine and."),
        ("An array a[i] and [not a mark].", [], "An array a[i] and [not a mark]."),
    ],
)
def test_citations_are_told_from_what_an_answer_says(
    answer: str, numbers: list[int], own: str
) -> None:
    assert (cited(answer), without_citations(answer)) == (numbers, own)


@pytest.mark.parametrize(
    ("calculation", "values"),
    [
        ("850 * 0.045", {38.25, 38.2, 38.0}),
        ("-(2 + 1) / 4", {0.75, 0.8, 1.0}),  # what is lacking is said without its sign
        ("+2 * 4.5", {9.0}),
        ("True + 1", set()),
        ("*".join(["1e9"] * 40), set()),
        ("1 / 0", set()),
        ("__import__('os')", set()),
        ("2 ** 99", set()),
        ("1 +", set()),
        (None, set()),
    ],
)
def test_a_calculation_is_arithmetic_and_nothing_else(
    calculation: str | None, values: set[float]
) -> None:
    assert reckoned(calculation) == values
