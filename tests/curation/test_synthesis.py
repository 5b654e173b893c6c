"""What a model is asked to write, what its replies say, and which of them people are shown."""

from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.accepted_rows import UNACCEPTED, people_first, unaccepted, within_share
from curation.proposals import (
    COPIED,
    LONG_WINDED,
    LOST,
    NEAR_ITEM,
    PERSONAL,
    REPEATED,
    UNREADABLE,
    Kind,
    Proposal,
    QuestionAnswer,
    Sifted,
    Wish,
    fixed,
    pair_in,
    proposal,
    seeds,
    sifted,
    text_in,
    wishes,
)
from project.errors import InputError
from project.personal_data import NO_CONTACTS
from project.records.data import Message, Row

CARD = Row.of(
    "How can a customer block a card that was lost abroad?",
    "Call the service at any hour and it is blocked at once.",
    group="card",
    source="faq.csv",
)
LOAN = Row.of("How long does a loan of 5000 euro run?", "Five years.", group="l", source="faq.csv")
RATE = Row.of("Which rate has a savings account?", "Two per cent.", group="r", source="faq.csv")
TRAIN = [CARD, LOAN, RATE]


# --- what is asked --------------------------------------------------------------------------------


def test_seeds_are_rows_that_people_wrote_and_none_that_are_rehearsed() -> None:
    rehearsed = RATE.model_copy(update={"id": "x", "source": "rehearsal.jsonl"})
    written = RATE.model_copy(update={"id": "y", "synthetic": "a model"})
    found = seeds([*TRAIN, rehearsed, written], ["rehearsal.jsonl"], 0)
    assert sorted(row.id for row in found) == sorted(row.id for row in TRAIN)


def test_another_seed_gives_another_order_and_the_same_one_the_same() -> None:
    many = [Row.of(f"what is {i}?", "a number", group=str(i), source="s") for i in range(20)]
    assert seeds(many, [], 1) == seeds(list(reversed(many)), [], 1) != seeds(many, [], 2)


def test_too_few_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="there are 2 training rows to begin with: 3 are needed"):
        seeds(TRAIN[:2], [], 0)


def test_both_kinds_take_turns_and_seeds_come_again_where_they_are_few() -> None:
    found = wishes(TRAIN, 4, "both")
    assert [wish.kind for wish in found] == ["paraphrase", "new", "paraphrase", "new"]
    assert [wish.seed for wish in found] == [CARD, LOAN, RATE, CARD]


def test_a_paraphrase_is_asked_of_the_question_and_a_new_pair_of_three_examples() -> None:
    paraphrase, new = wishes(TRAIN, 2, "both")
    assert f"<<<\n{CARD.prompt_text}\n>>>" in paraphrase.question
    assert CARD.completion_text not in paraphrase.question
    for row in TRAIN:
        assert f"Question: {row.prompt_text}\nAnswer: {row.completion_text}\n" in new.question


# --- what replies say -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("How is a card blocked?", "How is a card blocked?"),
        ('"How is a card blocked?"\n', "How is a card blocked?"),
        ("New question: How is a card blocked?", "How is a card blocked?"),
        ("**Paraphrase:** “How is a card blocked?”", "How is a card blocked?"),
        ("<<<\nHow is a card blocked?\n>>>", "How is a card blocked?"),
        ("```text\nHow is a card blocked?\n```", "How is a card blocked?"),
        ('Is "A" or "B" right?', 'Is "A" or "B" right?'),
        ("", None),
        ('""', None),
        ("Question:", None),
    ],
)
def test_a_text_is_what_is_left_without_label_quotes_and_fence(
    reply: str, text: str | None
) -> None:
    assert text_in(reply) == text


@pytest.mark.parametrize(
    ("reply", "pair"),
    [
        ("Question: Why?\nAnswer: So.", QuestionAnswer("Why?", "So.")),
        (
            "Sure!\n\n**Question:** Why?\n\n**Answer:** So.\nAnd so.",
            QuestionAnswer("Why?", "So.\nAnd so."),
        ),
        (
            "question 1: Why?\nanswer 1: So.\nQuestion 2: How?\nAnswer 2: No.",
            QuestionAnswer("Why?", "So."),
        ),
        ("Question: Why?\nQuestion: How?\nAnswer: So.", QuestionAnswer("How?", "So.")),
        ('Question: "Why?"\nAnswer: "So."', QuestionAnswer("Why?", "So.")),
        ("Question: Why?", None),
        ("Question: Why?\nAnswer:", None),
        ("Answer: So.\nQuestion: Why?", None),
        ("I cannot help with that.", None),
    ],
)
def test_a_pair_is_the_first_question_with_its_answer(
    reply: str, pair: QuestionAnswer | None
) -> None:
    assert pair_in(reply) == pair


@given(st.text())
def test_any_reply_can_be_read(reply: str) -> None:
    assert text_in(reply) != ""
    assert pair_in(reply) is None or all(pair_in(reply) or ())


# --- what rows are made ---------------------------------------------------------------------------


def wish(kind: Kind, seed: Row = CARD) -> Wish:
    return Wish(kind, seed, "?")


def made(kind: Kind, reply: str, seed: Row = CARD) -> Proposal:
    found = proposal(wish(kind, seed), reply, "a model", "labelled.jsonl")
    assert found
    return found


def test_a_paraphrase_keeps_the_answer_and_bears_the_models_name() -> None:
    row = made("paraphrase", "Who blocks a card that somebody lost?").row
    assert row.prompt_text == "Who blocks a card that somebody lost?"
    assert (row.completion, row.synthetic) == (CARD.completion, "a model")
    assert (row.source, row.group) == ("labelled.jsonl", row.id)


def test_a_row_has_the_id_that_its_texts_have_as_a_label() -> None:
    row = made("new", "Question: Why?\nAnswer: So.").row
    assert row.id == Row.of("Why?", "So.", group="", source="labelled.jsonl").id


def test_a_conversation_keeps_its_turns_in_a_paraphrase_and_its_system_prompt_in_a_new_pair() -> (
    None
):
    turns = [("system", "be kind"), ("user", "hi"), ("assistant", "hello"), ("user", "a card?")]
    prompt = tuple(Message.model_validate({"role": r, "content": c}) for r, c in turns)
    seed = CARD.model_copy(update={"prompt": prompt})
    assert made("paraphrase", "cards?", seed).row.prompt[:-1] == prompt[:-1]
    new = made("new", "Question: Why?\nAnswer: So.", seed).row
    assert [m.content for m in new.prompt] == ["be kind", "Why?"]


# --- what people are shown ------------------------------------------------------------------------


def checked(*proposals: Proposal | None, items: Sequence[Row] = ()) -> Sifted:
    return sifted(proposals, TRAIN, items, {"bad_word": bad_word}, NO_CONTACTS)


def bad_word(row: Row) -> str | None:
    return "has a bad word" if "darn" in row.completion_text else None


ITEM = Row.of(
    "Where does somebody abroad report that a wallet was stolen?",
    "At the nearest police station, which writes a report for the insurance.",
    group="i",
    source="faq.csv",
)
FRESH = "Question: {}\nAnswer: {}"
DROPPED = {
    UNREADABLE: None,
    NEAR_ITEM: made("new", FRESH.format(ITEM.prompt_text.upper(), "At once.")),
    COPIED: made("paraphrase", "how can a customer block a card, that was lost abroad"),
    LOST: made("paraphrase", "For how many years is a loan given?", LOAN),
    LONG_WINDED: made("paraphrase", "Well, blocking a card, you know, is this. " * 9),
    PERSONAL: made("new", FRESH.format("Whom may I call?", "Ann, at ann@some-bank.com")),
    "with the fault bad_word": made("new", FRESH.format("May I swear?", "darn no")),
}


@pytest.mark.parametrize("why", DROPPED)
def test_what_fails_a_check_is_dropped_and_counted(why: str) -> None:
    found = checked(DROPPED[why], items=[ITEM])
    assert (found.kept, dict(found.dropped)) == ([], {why: 1})


def test_an_answer_in_the_words_of_an_items_is_dropped_too() -> None:
    reply = FRESH.format("A thief took my bag in Rome, and now?", ITEM.completion_text)
    assert dict(checked(made("new", reply), items=[ITEM]).dropped) == {NEAR_ITEM: 1}


def test_of_two_replies_in_the_same_words_one_is_kept() -> None:
    twice = made("new", FRESH.format("Does an account cost anything in a month?", "No."))
    found = checked(twice, twice)
    assert (len(found.kept), dict(found.dropped)) == (1, {REPEATED: 1})


def test_what_passes_is_kept_in_its_order() -> None:
    good = [
        made("paraphrase", "Somebody lost theirs on a journey: who can stop it?"),
        made("paraphrase", "After how many years is a credit of 5000 paid back?", LOAN),
        made("new", FRESH.format("Does an account cost anything in a month?", "No.")),
    ]
    assert checked(*good, items=[ITEM]) == Sifted(good, checked().dropped)


def test_names_numbers_and_code_stand_for_themselves() -> None:
    text = "What does `numpy.linalg.det(a, x=None)` do in 2.1, and why is it slow?"
    assert fixed(text) == {"numpy.linalg.det(a", "x=None", "2.1"}
    assert fixed("What is a bond?") == set()


# --- how much of training -------------------------------------------------------------------------


def mixed(pattern: str) -> list[Row]:
    """A row for each letter: p of a person, m of a model."""
    rows = [Row.of(f"{i}?", "x", group=str(i), source="s") for i in range(len(pattern))]
    return [
        row.model_copy(update={"synthetic": "a model"}) if letter == "m" else row
        for row, letter in zip(rows, pattern, strict=True)
    ]


def letters(rows: Sequence[Row]) -> str:
    return "".join("m" if row.synthetic else "p" for row in rows)


@pytest.mark.parametrize(
    ("pattern", "share", "kept"),
    [
        ("mmmm", 0.2, ""),
        ("pppp", 0.0, "pppp"),
        ("ppppm", 0.2, "ppppm"),
        ("mpppppppp", 0.2, "ppppmpppp"),
        ("pmpmpm", 0.5, "pmpmpm"),
        ("ppppppppmmm", 0.2, "ppppppppmm"),
    ],
)
def test_rows_of_models_wait_until_there_are_rows_of_people(
    pattern: str, share: float, kept: str
) -> None:
    assert letters(within_share(mixed(pattern), share)) == kept


@given(st.text("pm", max_size=60), st.floats(0, 0.9))
def test_no_beginning_has_more_than_the_share_and_no_row_of_a_person_is_lost(
    pattern: str, share: float
) -> None:
    rows = mixed(pattern)
    found = within_share(rows, share)
    written = accumulate(row.synthetic is not None for row in found)
    assert all(count <= share * n + 1e-6 for n, count in enumerate(written, start=1))
    assert [r for r in found if not r.synthetic] == [r for r in rows if not r.synthetic]
    models = [r for r in rows if r.synthetic]
    assert [r for r in found if r.synthetic] == models[: letters(found).count("m")]


def test_where_not_all_have_a_place_people_come_first() -> None:
    rows = mixed("mpmp")
    assert people_first(rows) == [rows[1], rows[3], rows[0], rows[2]]


def test_what_a_model_wrote_and_nobody_accepted_goes_nowhere() -> None:
    rows = mixed("pmm")
    rows[2] = rows[2].model_copy(update={"source": "labelled.jsonl"})
    assert unaccepted(rows) == {rows[1].id: UNACCEPTED}
