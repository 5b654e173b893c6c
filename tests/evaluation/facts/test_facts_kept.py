"""What the facts scorer says of an answer beside its reference."""

import pytest

from evaluation.metrics.facts.facts_kept import FactsKept
from evaluation.scoring.built_in import SCORERS, better_by_ours

REFERENCE = "The fee is Rs. 500 and is due in 14 days."


def score(answer: str, reference: str = REFERENCE) -> dict[str, float]:
    found = FactsKept().compute(predictions=[answer], references=[reference])
    return {name: value for name, (value,) in found.items()}


def test_a_right_answer_in_other_words_keeps_all() -> None:
    found = score("Within two weeks you pay five hundred rupees.")
    assert found["facts"] == found["facts_kept"] == 1
    assert found["facts_contradicted"] == found["facts_added"] == 0


def test_a_wrong_amount_contradicts() -> None:
    found = score("The fee is Rs. 700 and is due in 14 days.")
    assert (found["facts_kept"], found["facts_contradicted"]) == (0.5, 0.5)
    assert found["facts"] == 0


def test_what_is_left_out_is_not_contradicted() -> None:
    found = score("The fee is Rs. 500.")
    assert (found["facts_kept"], found["facts_contradicted"], found["facts"]) == (0.5, 0, 0.5)


def test_what_is_added_is_counted_and_not_punished() -> None:
    found = score(REFERENCE + " Call 1800 209 4455.")
    assert (found["facts"], found["facts_added"]) == (1, 1)


def test_an_amount_stands_in_for_no_date() -> None:
    assert score("The fee is Rs. 500, or Rs. 600 abroad.")["facts_contradicted"] == 0


def test_a_fact_that_is_said_twice_can_be_wrong_once() -> None:
    reference = "Pay Rs. 5 here and Rs. 5 there."
    assert score("Pay Rs. 5 here and Rs. 7 there.", reference)["facts_contradicted"] == 1


def test_a_name_that_goes_on_differently_is_still_the_name() -> None:
    reference = "It applies a Clarkson-Woodruff Transform."
    assert score("With NumPy: the Clarkson-Woodruff transform.", reference)["facts"] == 1


def test_what_an_answer_repeats_of_its_question_contradicts_nothing() -> None:
    texts = {"predictions": ["For Rs. 700 you have 14 days."], "references": [REFERENCE]}
    asked = FactsKept(prompts=True).compute(**texts, prompts=["When are Rs. 700 due?"])
    assert (asked["facts_kept"], asked["facts_contradicted"]) == ([0.5], [0])
    assert FactsKept().compute(**texts)["facts_contradicted"] == [0.5]


def test_a_name_that_the_question_gives_away_is_not_asked_for_and_a_figure_is() -> None:
    texts = {
        "predictions": ["Your cards and your 700 are a delicate balance."],
        "references": ["Open Cards, tap Limits and enter 700."],
    }
    found = FactsKept(prompts=True).compute(**texts, prompts=["How do I keep my card at 700?"])
    assert found["facts_kept"] == [1 / 2]  # 700, and not Limits; Cards is given away
    assert FactsKept().compute(**texts)["facts_kept"] == [2 / 3]


def test_an_empty_answer_keeps_nothing() -> None:
    assert score("")["facts"] == 0


def test_without_facts_in_the_reference_an_item_says_nothing_and_is_flagged() -> None:
    metric = FactsKept()
    references = ["Ask us.", "7", "Ask the Reserve Bank of India."]
    found = metric.compute(predictions=["7", "7", "Ask the RBI."], references=references)
    assert found["facts"] == [1, 1, 1]
    assert metric.flags == {"reference without facts": [0]}
    unread = {name: metric.unread[name] for name in ("facts", "figures_wrong", "names_kept")}
    assert unread == {"facts": [0], "figures_wrong": [0, 2], "names_kept": [0, 1]}


@pytest.mark.parametrize(
    ("answer", "right", "wrong"),
    [
        ("You pay Rs. 500 within two weeks.", 1, 0),
        ("You pay Rs. 700 within two weeks.", 0, 1),
        ("You pay Rs. 500.", 0, 0),
        ("There is a fee.", 0, 0),
    ],
)
def test_figures_are_right_if_all_are_kept_and_wrong_if_one_has_another_in_its_place(
    answer: str, right: int, wrong: int
) -> None:
    found = score(answer)
    assert (found["figures_right"], found["figures_wrong"]) == (right, wrong)


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("It is due on 3 March 2024.", "It is due on 3 March."),
        ("It starts in September 2024.", "It starts in September."),
        ("Ask the RBI.", "Ask the Reserve Bank of India."),
        ("You may ask the Reserve Bank of India.", "You may ask the RBI."),
        ("Write to Ms Jones.", "Write to Mary Jones."),
        ("Ask for the finance ministry.", "Ask the Finance Ministry."),
        ("Turn the WiFi on.", "Turn the Wi-Fi on."),
        ("Use one value.", "Use 1 value."),
    ],
)
def test_a_finer_date_and_a_shorter_name_say_the_same(answer: str, reference: str) -> None:
    assert score(answer, reference)["facts"] == 1


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("It is due on 3 March.", "It is due on 3 March 2024."),
        ("You pay 5 dollars.", "You pay 5 euros."),
        ("You pay 5.", "You pay 5 euros."),
        ("It takes 3 days.", "It takes 3 working days."),
        ("It falls by 2.", "It falls by 2 %."),
        ("Write to Mary Johnson.", "Write to Mary Jones."),
        ("Go to Bond Street.", "Go to Baker Street."),
    ],
)
def test_a_coarser_date_another_unit_and_another_name_do_not(answer: str, reference: str) -> None:
    assert score(answer, reference)["facts"] < 1


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("The fee is refundable.", "The fee is not refundable."),
        ("You can cancel.", "You can cancel only if it was not sent."),
        ("It is open every day.", "It is open every day except in the rain."),
        ("At most two are needed.", "At least two are needed."),
    ],
)
def test_a_dropped_condition_is_reported_apart(answer: str, reference: str) -> None:
    found = score(answer, reference)
    assert found["conditions_kept"] < 1
    assert found["facts"] == 1


def test_a_swapped_product_is_reported_apart() -> None:
    found = score("Use your credit card abroad.", "Use your debit card abroad.")
    assert (found["terms_swapped"], found["facts"]) == (1, 1)


def test_the_kinds_are_told_apart() -> None:
    found = score("The fee is Rs. 700 and is due in two weeks.")
    kept = {name: found[name] for name in found if name.endswith("s_kept")}
    assert (kept["amounts_kept"], kept["dates_kept"], kept["names_kept"]) == (0, 1, 1)


def test_each_metric_says_which_way_it_is_better() -> None:
    assert SCORERS["facts"].endswith(":FactsKept")
    assert score("").keys() <= better_by_ours().keys()
