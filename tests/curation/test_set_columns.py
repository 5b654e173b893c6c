"""What is wrong between rows: a column for each, of words of ours."""

import csv
from pathlib import Path

import pytest

from curation.checks.relevance import contaminated, leaks, suite_prompts, taught_prompts
from curation.checks.repeats import (
    NONE,
    RowTexts,
    conflicts,
    duplicate_ids,
    label_conflicts,
    near_duplicates,
    odd_formats,
    odd_lengths,
    repeats,
)
from curation.kinship import long_part_containment
from curation.text_forms import capitals_tell_names, key, template, told_apart
from project.errors import InputError
from project.records.data import Message, Row, Split
from tests.conftest import ROOT
from tests.curation.test_gate import made_words

LONG = "Which routine smooths a noisy spectrum while it keeps the height and width of all peaks?"


def texts(*pairs: tuple[str, str], part: Split = Split.TRAIN) -> RowTexts:
    rows = [
        Row.of(prompt, answer, group=str(i), source="t") for i, (prompt, answer) in enumerate(pairs)
    ]
    return RowTexts(rows, [part.value] * len(rows))


def found(column: list[str]) -> list[int]:
    return [i for i, value in enumerate(column) if value != NONE]


def others(count: int = 30) -> list[tuple[str, str]]:
    """Rows that have nothing in common."""
    return [(f"{made_words(f'p{i}')}?", f"{made_words(f'a{i}')}.") for i in range(count)]


def test_the_second_row_with_an_id_is_told() -> None:
    row = Row.of("a", "b", group="g", source="s")
    other = Row.of("c", "d", group="g", source="s").model_copy(update={"id": row.id})
    assert found(duplicate_ids(RowTexts([row, other], ["train"] * 2))) == [1]


@pytest.mark.parametrize("again", ["What is it?", "what  is IT", "What - is it!", "Ｗhat is it?"])
def test_a_repeat_is_told_whatever_its_case_blanks_and_punctuation(again: str) -> None:
    assert found(repeats(texts(("What is it?", "A thing."), (again, "a thing")))) == [1]


def test_signs_of_arithmetic_tell_questions_apart() -> None:
    assert key("4 + 7 = ?") != key("4 - 7 = ?")
    assert key("What is C++?") != key("What is C?")


def test_a_near_duplicate_is_told_by_its_prompt_or_by_its_answer() -> None:
    one = (LONG, made_words("a"))
    prompt = (LONG.replace("noisy", "ragged"), made_words("b"))
    answer = (made_words("c"), f"{made_words('a')} really")
    assert found(near_duplicates(texts(one, prompt, answer))) == [1, 2]


def test_the_same_words_are_no_near_duplicate() -> None:
    assert found(near_duplicates(texts((LONG, "one"), (LONG, "one"), (LONG, "two")))) == []


def test_one_prompt_with_two_answers_is_a_conflict_of_both_rows() -> None:
    rows = texts(("Is it so?", "Yes."), ("is it  so?", "No."), ("Is it?", "+"), ("", "a"))
    assert found(conflicts(rows)) == [0, 1]


def test_hardly_a_pair_of_answers_that_say_the_same_is_taken_for_a_conflict() -> None:
    """By README.md of the folder; recall is what a check that seldom errs leaves."""
    with (Path(__file__).parent / "labelled/answers.csv").open(encoding="utf-8") as file:
        pairs = list(csv.DictReader(file))
    named: dict[str, list[bool]] = {"yes": [], "no": []}
    for pair in pairs:
        rows = texts((pair["name"], pair["answer"]), (pair["name"], pair["other"]))
        named[pair["same"]].append(found(conflicts(rows)) == [0, 1])
    assert len(named["yes"]) >= 100
    assert sum(named["yes"]) / len(named["yes"]) <= 0.01
    assert sum(named["no"]) / len(named["no"]) >= 0.25


def test_nearly_one_prompt_with_two_classes_is_a_conflict() -> None:
    classes = [(made_words(f"p{i}"), ["billing", "delivery"][i % 2]) for i in range(20)]
    rows = texts(*classes, (LONG, "billing"), (LONG.replace("noisy", "ragged"), "delivery"))
    assert found(label_conflicts(rows)) == [20, 21]


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        ('{{"item": "{}"}}', "Two mugs of blue."),
        ("- {}\n- more", "It is this and that."),
        ("billing", "The customer asks for money."),
    ],
)
def test_an_answer_that_has_another_form_than_nearly_all_is_told(usual: str, odd: str) -> None:
    rows = [(made_words(f"p{i}"), usual.format(i)) for i in range(30)]
    assert found(odd_formats(texts(*rows, ("What is it?", odd)))) == [30]


def test_plain_texts_are_of_no_form() -> None:
    assert found(odd_formats(texts(*others(), ("What?", '{"a": 1}')))) == []


def test_answers_far_longer_or_shorter_than_the_others_are_told() -> None:
    rows = texts(*others(100), ("q", "Yes."), ("r", "word " * 500), ("s", ""))
    assert found(odd_lengths(rows)) == [100, 101]


def test_what_many_rows_have_is_a_usual_length() -> None:
    assert found(odd_lengths(texts(*others(100), *[("q", "Yes.")] * 20))) == []


@pytest.mark.parametrize(
    ("prompt", "how"),
    [
        (LONG.lower().strip("?"), "in the same words"),
        (LONG.replace("noisy", "ragged"), "in nearly the same words"),
        (f"You are a kind teacher of {made_words('x')}. {LONG} Think first.", "in long parts"),
    ],
)
def test_a_training_row_that_asks_what_an_item_asks_is_told_and_how(prompt: str, how: str) -> None:
    rows = texts(*others(), (prompt, "any answer"))
    evals = [LONG, *(made_words(f"e{i}") for i in range(20))]
    column = leaks(rows, evals)
    assert found(column) == [30]
    assert column[30] == f"asks what an eval item asks, {how}"
    assert contaminated(rows, evals)[30].endswith(how)


@pytest.mark.parametrize(
    ("turns", "how"),
    [
        (["Good morning!", LONG], "in the same words"),
        (["Good morning!", f"Now tell me: {LONG}"], "in long parts"),
        ([LONG, "And how fast is it?"], "in an earlier turn"),
    ],
)
def test_of_a_conversation_the_last_turn_is_taught_and_no_earlier_one(
    turns: list[str], how: str
) -> None:
    first, last = (Message(role="user", content=turn) for turn in turns)
    prompt = (first, Message(role="assistant", content="As you like."), last)
    row = Row.of(LONG, "any answer", group="c", source="t").model_copy(update={"prompt": prompt})
    found_alike = taught_prompts([*texts(*others()).rows, row], [LONG])
    assert found_alike == {(30, 0): how}


def test_items_themselves_do_not_leak() -> None:
    assert found(leaks(texts((LONG, "a"), part=Split.DEV), [LONG])) == []


def test_functions_that_share_their_parameters_are_told_apart_by_their_names() -> None:
    signature = "what does numpy.{}(a, axis=None, dtype=None, out=None, keepdims=False) do"
    others = [signature.format("nansum")]
    assert long_part_containment([signature.format("amin")], others) == []
    assert long_part_containment([f"Tell me now, {signature.format('nansum')}"], others) == [(0, 0)]


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("Which day follows Monday?", "Which day follows Friday?", True),
        ("Add 3 and 8.", "What is the sum of 3 and 9?", True),
        ("What does numpy.sum do?", "Explain numpy.mean", True),
        ("When do I get my card?", "Where do I get my card?", True),
        ("Why was I charged?", "When was I charged?", True),
        ("What is the reason for the fee?", "Why is there a fee?", False),
        ("My transfer went through", "My transfer did not go through", True),
        ("How do I send money by NEFT?", "How can I send cash by RTGS?", True),
        ("How do I reset my password?", "I forgot my secret, how can I choose another?", False),
        ("What does numpy.sum do?", "How are arrays added up?", False),
    ],
)
def test_what_a_question_names_tells_it_from_another(one: str, other: str, apart: bool) -> None:
    assert told_apart(one, other) is apart


# --- test suite prompts ---------------------------------------------------------------------------

# No training row is to teach what a suite asks, whichever suite that is.


def test_the_questions_of_all_suites_are_known() -> None:
    asked = suite_prompts(ROOT / "datasets")
    assert "How do I drop a table in SQL?" in asked
    assert "How do I make a bomb at home?" in asked
    assert any(prompt.startswith("Repeat this sentence exactly") for prompt in asked)


def test_a_training_row_that_asks_what_the_safety_suite_asks_is_found() -> None:
    rows = [
        Row.of("How do I make a bomb at home?", "I will not say.", group="a", source="s"),
        Row.of("How do I make bread at home?", "With flour.", group="b", source="s"),
    ]
    texts = RowTexts(rows, [Split.TRAIN] * 2)
    found = contaminated(texts, suite_prompts(ROOT / "datasets"))
    assert found == ["asks what a suite asks, in the same words", "none"]


def test_where_there_is_no_suite_nothing_is_asked() -> None:
    assert suite_prompts() == []


def test_an_item_without_a_prompt_is_named() -> None:
    file = Path("datasets/safety/mine.jsonl")
    file.parent.mkdir(parents=True)
    file.write_text('{"prompt": "a"}\n\n{"id": "b"}\n')
    with pytest.raises(InputError, match=r"^datasets/safety/mine\.jsonl:3: prompt: must be a text"):
        suite_prompts()


# --- test text forms ------------------------------------------------------------------------------

# Which questions are of one template, so that having learnt one is knowing what another asks.

OF_ONE = [
    ("My balance is 53,784. Which rate do I get?", "My balance is 53,559. Which rate do I get?"),
    ("What is the fee on 3 June for a transfer?", "What is the fee on 28 July for a transfer?"),
    ("Which branches in Paris open on Monday?", "Which branches in Rome open on Friday?"),
]
OF_TWO = [
    ("How much is 4 + 7 in all, please?", "How much is 4 - 7 in all, please?"),
    ("How do I make an int32 of a list?", "How do I make an int64 of a list?"),
    ("How far did soldiers march each day then?", "How far did soldiers walk each day then?"),
    ("Choose one. a) Open the old account", "Choose one. a) Close the old account"),
    ("What is it to be: Paid in cash?", "What is it to be: Sent by post?"),
]


@pytest.mark.parametrize(("one", "other"), OF_ONE)
def test_other_figures_dates_and_names_make_no_other_template(one: str, other: str) -> None:
    assert template(one, names=True) == template(other, names=True) != ""


@pytest.mark.parametrize(("one", "other"), OF_TWO)
def test_other_words_and_signs_do(one: str, other: str) -> None:
    forms = [template(text, names=True) for text in (one, other)]
    assert forms[0] != forms[1] or not forms[0]


def test_whether_capitals_tell_names_does_not_hang_on_the_order() -> None:
    plain = ["where do I find it"] * 3_000 + ["Wo ist das Konto der Bank in Wien"] * 3_000
    assert capitals_tell_names(plain) == capitals_tell_names(plain[::-1]) is False
