"""What a challenger was shown in training, by whichever step, is known to the check of items."""

from typing import Literal

import pytest

from project.near_duplicates import WordPrints, near_duplicates_among
from project.paths import ADAPTER_FILES, CURATED_DOCUMENTS, PREFERENCE_DATA, rows_of
from project.records.data import Document, Message, Row, Split
from project.records.preferences import PreferencePair
from project.records.record import write_records
from tests.conftest import BASE, NUMERICS
from training.recipe import Recipe
from training.rows.experience_replay import texts_learnt
from training.training_settings import (
    AdapterParams,
    DomainParams,
    DpoParams,
    KtoParams,
    LossOn,
    SftParams,
    StepParams,
)

SEALED_QUESTION = "Who in the branch can block a card that was stolen?"
SHOWN: dict[str, StepParams] = {"dpo": DpoParams(), "kto": KtoParams(), "domain": DomainParams()}
LOSS_ON = [("last", None, False), ("every", 0, True), ("weighted", 0, False), ("weighted", 1, True)]


@pytest.fixture(autouse=True)
def shown() -> None:
    """The item stands in a preference and in a document, and in no row."""
    row = Row.of("What is a bond?", "A loan.", group="b", source="s")
    pair = PreferencePair(prompt=SEALED_QUESTION, chosen="Ann.", rejected="Bob.")
    text = f"Our bank is old.\nMany ask: {SEALED_QUESTION} Ann can."
    write_records(rows_of(Split.TRAIN), [row])
    write_records(PREFERENCE_DATA, [pair])
    write_records(CURATED_DOCUMENTS, [Document.of(text, source="s")])


def item_was_shown(*steps: str) -> bool:
    taken = {step: {"data": "a" * 64, "params": SHOWN[step].model_dump()} for step in steps}
    made = {"base": BASE, "numerics": NUMERICS, "adapter": AdapterParams(), **taken}
    Recipe.model_validate(made).write(ADAPTER_FILES / "recipe.json")
    learnt = WordPrints.of(texts_learnt())
    return near_duplicates_among(WordPrints.of([SEALED_QUESTION]), learnt) == [0]


@pytest.mark.attack
@pytest.mark.parametrize("step", [*SHOWN])
def test_what_a_step_was_shown_is_what_the_challenger_learnt(step: str) -> None:
    assert item_was_shown(step)


@pytest.mark.attack
@pytest.mark.parametrize(("loss_on", "weight", "learnt"), LOSS_ON)
def test_what_an_earlier_answer_was_asked_is_learnt_where_that_answer_is(
    loss_on: LossOn,
    weight: Literal[0, 1] | None,
    learnt: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    earlier = Message(role="assistant", content="Ann can.", weight=weight)
    more = "Thank you; and which documents does somebody need who wants to open an account here?"
    prompt = (Message(role="user", content=SEALED_QUESTION), earlier)
    row = Row.of(more, "A passport.", group="b", source="s")
    talk = row.model_copy(update={"prompt": (*prompt, *row.prompt)})
    write_records(rows_of(Split.TRAIN), [talk])
    monkeypatch.setitem(SHOWN, "sft", SftParams(loss_on=loss_on))
    assert item_was_shown("sft") is learnt


def test_what_no_step_took_was_not_learnt() -> None:
    assert not item_was_shown()
