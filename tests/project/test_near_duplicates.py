"""One rule says what is nearly the same, in every script, whatever instruction stands before it."""

import pytest

from curation.kinship import family_names
from project.near_duplicates import MOST_WORDS, WordPrints, near_duplicates_among
from project.records.data import Row
from tests.conftest import printed_in_other_processes


def among(own: list[str], others: list[str]) -> list[int]:
    return near_duplicates_among(WordPrints.of(own), WordPrints.of(others))


LOST = "who can block my lost card"
BLOCKED = "如何冻结丢失的银行卡"


@pytest.mark.parametrize(
    ("again", "asked"),
    [
        ("Who can block my lost card?", LOST),
        ("  WHO   can block my lost card", LOST),
        ("my lost card: who can block?", LOST),
        ("who can block my lost bank card", LOST),  # five of six words
        ("où est le café à la gare", "ou\u0300 est le cafe\u0301 a\u0300 la gare"),
        ("who can b\u200block my l\u00adost card", LOST),  # which the eye does not see
        ("\uff57\uff48\uff4f can block my lost card", LOST),
        (f"{BLOCKED}？", BLOCKED),  # a script without spaces
        ("reset pin", "Reset PIN!"),
    ],
)
def test_the_same_question_in_nearly_the_same_words_is_one(again: str, asked: str) -> None:
    assert among([again], [asked]) == [0]


@pytest.mark.parametrize(
    ("other", "asked"),
    [
        ("who can find my lost dog", LOST),
        ("what does a late transfer cost", LOST),
        ("?!", LOST),
        (f"{BLOCKED}？", "转账需要多少手续费呢"),
        ("reset the pin", "Reset PIN!"),  # few words are the same only word for word
    ],
)
def test_another_question_is_another_one(other: str, asked: str) -> None:
    assert among([other], [asked]) == []


TOPICS = [f"{a}{b}" for a in "abcdefgh" for b in "ijklmnop"]
QUESTIONS = [f"{one} {one}s {one}ing {one}ed" for one in TOPICS]


def test_an_instruction_before_every_question_makes_no_two_alike_and_hides_nothing() -> None:
    """Neither the constant one of a set, nor another one in its place."""
    long = "you are a careful and friendly assistant of a bank please answer this in one line"
    told = [f"{long} {question}" for question in QUESTIONS]
    assert among(told[:32], told[32:]) == []
    assert among(told, QUESTIONS) == list(range(len(QUESTIONS)))
    assert among(told, [f"short and sweet {question}" for question in QUESTIONS]) == list(
        range(len(QUESTIONS))
    )


def test_a_system_prompt_longer_than_a_print_hides_nothing() -> None:
    glossary = " ".join(f"term{i}" for i in range(2 * MOST_WORDS))
    told = [f"{glossary} {question}" for question in QUESTIONS]
    assert among(told, QUESTIONS) == list(range(len(QUESTIONS)))
    assert among(told[:32], told[32:]) == []


def test_templates_make_no_two_of_their_questions_alike() -> None:
    templates = ["how do i {} in the app", "what does it cost to {} abroad", "who may {} for me"]
    asked = [template.format(topic) for topic in TOPICS for template in templates]
    assert among(asked[:40], asked[60:]) == []


def test_whoever_adds_words_has_not_made_another_question() -> None:
    asked = WordPrints.of(["who can block my lost card"])
    longer = WordPrints.of(["ticket one two three four five who can block my lost card thanks"])
    assert near_duplicates_among(longer, asked) == []
    assert near_duplicates_among(longer, asked, contained=True) == [0]
    assert near_duplicates_among(asked, longer, contained=True) == [0]


def test_questions_under_one_instruction_stay_families_of_their_own() -> None:
    rows = [Row.of(f"summarise this in one line {q}", q, group=q, source="s") for q in QUESTIONS]
    assert family_names(rows) == QUESTIONS


def test_rows_with_nearly_the_same_prompt_are_of_one_family_whatever_the_answers() -> None:
    rows = [
        Row.of("who can block my lost card", "The hotline.", group="a", source="s"),
        Row.of("Who can block my lost card?!", "Any branch does.", group="b", source="s"),
        Row.of("what does a late transfer cost", "Nothing.", group="c", source="s"),
    ]
    assert family_names(rows) == ["a", "a", "c"]


def test_a_long_text_is_known_by_some_of_its_words() -> None:
    words = [f"word{i}" for i in range(3 * MOST_WORDS)]
    (print_,) = WordPrints.of([" ".join(words)]).texts
    assert len(print_) == MOST_WORDS
    assert among([" ".join(words[:-9])], [" ".join(words)]) == [0]
    assert among([" ".join(words[: len(words) // 2])], [" ".join(words)]) == []


def test_nothing_has_no_near_duplicate() -> None:
    assert among([], ["a question"]) == among(["a question"], []) == among([], []) == []
    assert family_names([]) == []


def test_prints_are_the_same_in_every_process() -> None:
    code = (
        "from project.near_duplicates import WordPrints\n"
        "print(WordPrints.of(['who can block my lost card', 'où?']).digest)"
    )
    assert len(printed_in_other_processes(code)) == 1
