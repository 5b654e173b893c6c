"""The rows of examples/bank: many, different, right, and with no fact that only documents have."""

import re
from collections import Counter
from functools import cache

import pytest

from examples.bank.behaviours import behaviours, numbers
from examples.bank.facts import (
    KINDS,
    Closings,
    aspects,
    closings,
    document_facts,
    documents,
    products,
)
from examples.bank.five_grams import MOST, Answers, five_grams, largest_share
from examples.bank.rows import SEED, Triplet, document_rows, rows


@pytest.fixture(scope="module")
def made() -> list[Triplet]:
    return rows()


def test_there_are_at_least_twelve_hundred_rows_and_no_two_ask_the_same(
    made: list[Triplet],
) -> None:
    assert len(made) >= 1200
    assert len({row.prompt for row in made}) == len(made)
    assert len({row.id for row in made}) == len(made)


def test_no_two_answers_share_more_than_sixty_per_cent_of_their_five_word_sequences(
    made: list[Triplet],
) -> None:
    assert largest_share(row.output for row in [*made, *document_rows()]) <= MOST == 0.6


def test_the_share_is_of_the_shorter_answer() -> None:
    answers = Answers()
    answers.add("one two three four five six seven eight nine ten")
    assert answers.share("One, two, three, four, five!") == 1.0
    assert answers.share("three four five six seven and so on it goes") == 1 / 6
    assert len(five_grams("a fee of 1,200.50 crowns")) == 1


def test_the_same_seed_gives_the_same_rows_and_another_one_others(made: list[Triplet]) -> None:
    assert rows(SEED) == made
    assert rows(SEED + 1) != made


def test_every_answer_is_of_a_length_that_a_small_model_can_give(made: list[Triplet]) -> None:
    assert all(10 <= len(row.output.split()) <= 60 for row in made)


def test_some_rows_have_an_input_beside_the_instruction(made: list[Triplet]) -> None:
    assert 0.1 < sum(bool(row.input) for row in made) / len(made) < 0.5


def test_every_number_of_an_answer_is_a_fact_or_computed_from_facts(made: list[Triplet]) -> None:
    for row in made:
        assert numbers(row.output) <= known(row), row.output


def known(row: Triplet) -> set[str]:
    """Of the row's facts, computed ones among them, of its closing, and of its pattern."""
    return {n for text in (*row.facts, *ends()) for n in numbers(text)} | fixed()


@cache
def ends() -> list[str]:
    given = closings()
    return [t for texts in (*given.promotions.values(), *given.warnings.values()) for t in texts]


@cache
def fixed() -> set[str]:
    """The numbers that patterns say in digits, such as the seven classes of risk."""
    said = [text for kind in KINDS for aspect in aspects(kind) for text in aspect.say]
    return {number for text in said for number in numbers(re.sub(r"{\w+}", "", text))}


def test_patterns_say_few_numbers_of_their_own() -> None:
    assert fixed() == {"1", "7", "30", "365"}  # the scale of risk, a month, a year


def test_documents_say_every_fact_beside_the_name_that_has_it() -> None:
    texts = documents().values()
    for kind in KINDS:
        for product in products()[kind]:
            name = product["p"]
            sections = [s for t in texts for s in sections_of(t) if name.lower() in s.lower()]
            stated = {n for section in sections for n in numbers(section)}
            for key, value in product.items():
                assert numbers(value) <= stated, f"{name}: {key} {value}"


def sections_of(text: str) -> list[str]:
    """What stands together: a paragraph, an entry of a list, a row of a table."""
    return [part for block in text.split("\n\n") for part in re.split(r"\n(?=[-|] ?)", block)]


def test_no_answer_of_the_rows_shows_an_unwanted_behaviour(made: list[Triplet]) -> None:
    found = Counter(
        name
        for row in made
        for name in behaviours(row.topic, row.about, row.prompt, row.output, row.output)
    )
    assert not found


def test_warnings_are_known_by_the_words_of_their_kind() -> None:
    for topic, texts in closings().warnings.items():
        for text in texts:
            assert not behaviours(topic, "", "", "", text), text


def test_rows_have_disclaimers_and_promotions_in_a_part_of_the_answers(made: list[Triplet]) -> None:
    ends: Closings = closings()
    promoted = [t for texts in ends.promotions.values() for t in texts]
    assert 0.2 < sum(bool(row.warning) for row in made) / len(made) < 0.5
    assert 0.03 < sum(row.output.endswith(tuple(promoted)) for row in made) / len(made) < 0.2


def test_what_documents_alone_say_stands_there_and_in_no_row(made: list[Triplet]) -> None:
    texts = list(documents().values())
    for fact in document_facts():
        assert any(fact.stands in text for text in texts), fact.stands
        assert not any(fact.stands.lower() in row.output.lower() for row in made), fact.stands


def test_no_row_says_most_of_what_an_answer_from_the_documents_says(made: list[Triplet]) -> None:
    taken = Answers()
    for row in made:
        taken.add(row.output)
    for row in document_rows():
        assert taken.share(row.output) < 0.35, row.output
