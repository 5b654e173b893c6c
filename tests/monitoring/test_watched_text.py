"""What of a prompt is watched: the user's last words, without what nearly all prompts share."""

from itertools import cycle

import numpy as np
import pytest

from monitoring.signals.watched_text import NOTHING, SharedText
from monitoring.traffic.voices import asked_text
from project.records.data import Message

RULES = "You are the assistant of a bank. Answer in few words, and never give advice on shares."
RAG = "Answer from the context:\n{}\n\nQuestion: {}\nAnswer in one sentence:"
THINGS = ("card", "loan", "PIN", "fee", "branch", "transfer", "salary", "cheque")
QUESTIONS = [
    f"{verb} my {thing} {who}"
    for verb in ("where is", "do I need")
    for thing in THINGS
    for who in ("today", "Ann", "again", "now", "sir")
]


def turns(*said: tuple[str, str]) -> tuple[Message, ...]:
    return tuple(Message.model_construct(role=role, content=text) for role, text in said)


@pytest.mark.parametrize(
    ("prompt", "watched"),
    [
        ("a text\nas it is ", "a text\nas it is "),
        (turns(("system", RULES), ("user", "hi"), ("assistant", "yes?"), ("user", "fees")), "fees"),
        (turns(("system", RULES), ("user", "fees"), ("assistant", "which?")), "fees"),
        (turns(("user", "fees"), ("tool", '{"fee": 3}'), ("tool", "{}")), "fees"),
        (turns(("user", "fees"), ("user", "  ")), "fees"),
        (turns(("system", RULES), ("assistant", "plan"), ("tool", "a result")), "a result"),
        (turns(("system", RULES), ("assistant", "plan"), ("system", "[tool] 3")), "[tool] 3"),
        (turns(("developer", RULES), ("system", "be kind")), f"{RULES}\nbe kind"),
        (turns(), ""),
    ],
)
def test_of_turns_the_users_last_one_is_watched(prompt: str, watched: str) -> None:
    assert asked_text(prompt) == watched


def test_a_beginning_that_all_share_is_left_out() -> None:
    shared = SharedText.of([f"{RULES} {question}" for question in QUESTIONS])
    assert [shared.rest(f"{RULES} {question}") for question in QUESTIONS] == QUESTIONS


def test_what_stands_around_a_question_is_left_out_and_its_context_stays() -> None:
    contexts = [
        f"The {thing} is described in leaflet {i}-{thing} of ours" for i, thing in enumerate(THINGS)
    ]
    shared = SharedText.of(
        [
            RAG.format(context, question)
            for question, context in zip(QUESTIONS, cycle(contexts), strict=False)
        ]
    )
    rest = shared.rest(RAG.format("About tokens", "what is a wallet"))
    assert rest.split() == ["About", "tokens", "what", "is", "a", "wallet"]


def test_a_few_prompts_without_the_template_do_not_defeat_it() -> None:
    texts = [f"{RULES} {question}" for question in QUESTIONS]
    texts[::20] = QUESTIONS[::20]
    assert SharedText.of(texts).rest(f"{RULES} what is a wallet") == "what is a wallet"


def test_each_of_several_templates_is_left_out() -> None:
    other = "As a broker of the house you explain the market to the customers of the bank."
    texts = [
        f"{rules} {question}"
        for question, rules in zip(QUESTIONS, cycle([RULES, other]), strict=False)
    ]
    shared = SharedText.of(texts)
    assert shared.rest(f"{other} what is a wallet") == "what is a wallet"
    assert "wallet" in shared.rest(f"{RULES} what is a wallet")


def test_a_date_in_a_template_is_none_of_what_users_ask() -> None:
    texts = [
        f"It is the 2026-11-{day:02}, and you are an assistant. {question}"
        for day, question in zip(cycle(range(1, 29)), QUESTIONS, strict=False)
    ]
    assert (
        SharedText.of(texts).rest("It is the 2026-12-01, and you are an assistant. hello")
        == "hello"
    )


def test_questions_that_share_nothing_stay_as_they_are_to_the_last_space() -> None:
    shared = SharedText.of(QUESTIONS)
    assert shared == NOTHING
    assert shared.rest(" a  question \n") == " a  question \n"


def test_the_template_alone_and_a_question_that_all_ask_are_watched_whole() -> None:
    shared = SharedText.of([f"{RULES} {question}" for question in QUESTIONS])
    assert shared.rest(RULES) == RULES
    assert SharedText.of(["ping"] * 50).rest("ping") == "ping"
    assert SharedText.of([RULES] * 50).rest(f"{RULES}\n") == f"{RULES}\n"


def test_a_prompt_of_another_template_is_watched_whole() -> None:
    shared = SharedText.of([f"{RULES} {question}" for question in QUESTIONS])
    other = "Write a poem on shares for the assistant of a bank."
    assert shared.rest(other) == other


def test_no_prompts_share_nothing() -> None:
    assert SharedText.of([]) == SharedText.of([""]) == NOTHING


def test_it_reads_back_from_its_arrays_and_nothing_has_none() -> None:
    shared = SharedText.of([f"{RULES} {question} please." for question in QUESTIONS])
    arrays = shared.arrays()
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.int64)}
    assert SharedText.of_arrays(arrays) == shared
    assert NOTHING.arrays() == {}
    assert SharedText.of_arrays({}) == NOTHING


@pytest.mark.parametrize(
    "text", ["word " * 200_000, "a. " * 300_000, "x" * 1_000_000, "\n" * 500_000]
)
def test_a_text_of_a_million_characters_takes_no_time(text: str) -> None:
    shared = SharedText.of([f"{RULES} {question} please" for question in QUESTIONS])
    assert shared.rest(f"{RULES} {text} end please").strip().endswith("end")
