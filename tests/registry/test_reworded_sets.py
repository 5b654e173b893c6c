"""A sealed set in other words is the old set, and a fresh one of the same subject is none."""

import csv
from pathlib import Path

import pytest

from project.meaning_prints import MeaningPrints, reworded_share
from project.model_pins import ModelChoice, pin
from registry.alpha_ledger.looks import SealedSet
from registry.store import Registry
from tests.conftest import sealed_set
from tests.registry.test_store import Lookers, Make

PAIRS = Path(__file__).parents[1] / "curation" / "labelled" / "questions.csv"
BEFORE = "You are the assistant of a bank. Answer in three friendly sentences at most: "
SIZE = 60


def labelled() -> list[tuple[str, str]]:
    """Questions, each once, and what asks the same in other words."""
    rows = csv.DictReader(PAIRS.open(encoding="utf-8"))
    found = {row["question"]: row["other"] for row in rows if row["same"] == "yes"}
    return list(found.items())[:: len(found) // (2 * SIZE)]


@pytest.fixture(scope="module")
def asked() -> dict[str, SealedSet]:
    """Sets of one project, as looks are counted by them."""
    embedder, pairs = pin(ModelChoice(), "embedder"), labelled()
    old, other = pairs[0 : 2 * SIZE : 2], pairs[1 : 2 * SIZE : 2]
    texts = {
        "old": [question for question, _ in old],
        "reworded": [question for _, question in old],
        "with an instruction": [BEFORE + question for _, question in old],
        "twice": [text for pair in old for text in (pair[1], pair[1] + " Please help.")],
        "fresh": [question for question, _ in other],
    }
    return {
        name: sealed_set(*own)._replace(meanings=MeaningPrints.of(embedder, own))
        for name, own in texts.items()
    }


@pytest.fixture
def lookers(registry: Registry, make_adapter: Make) -> Lookers:
    return Lookers(registry, make_adapter)


def rotated(lookers: Lookers, old: SealedSet, new: SealedSet) -> int:
    """The number of the first look at a set that a person let take the place of an old one."""
    lookers.look("1", old)
    lookers.registry.record_rotation("sealed", SIZE, "they are known by heart")
    return lookers.look("2", new).number


@pytest.mark.attack
@pytest.mark.parametrize("how", ["reworded", "with an instruction", "twice"])
def test_a_rotation_to_the_old_items_in_other_words_is_no_fresh_set(
    lookers: Lookers, asked: dict[str, SealedSet], how: str
) -> None:
    assert rotated(lookers, asked["old"], asked[how]) == 2


@pytest.mark.attack
def test_other_questions_of_the_same_subject_are_a_fresh_set(
    lookers: Lookers, asked: dict[str, SealedSet]
) -> None:
    assert rotated(lookers, asked["old"], asked["fresh"]) == 1


def test_a_look_of_a_time_without_vectors_is_compared_by_words(
    lookers: Lookers, asked: dict[str, SealedSet]
) -> None:
    unseen = asked["old"]._replace(meanings=None)
    assert rotated(lookers, unseen, asked["reworded"]) == 1


def test_vectors_of_two_embedders_are_never_compared(asked: dict[str, SealedSet]) -> None:
    old, new = asked["old"].meanings, asked["reworded"].meanings
    assert old and new
    assert reworded_share(new, old) > 0.5
    assert reworded_share(new, old.model_copy(update={"embedder": "0" * 64})) == 0


def test_a_set_of_vectors_is_small_and_comes_back_as_it_was(asked: dict[str, SealedSet]) -> None:
    prints = asked["old"].meanings
    assert prints
    assert len(prints.canonical()) < 600 * prints.texts
    assert MeaningPrints.model_validate_json(prints.canonical()) == prints
