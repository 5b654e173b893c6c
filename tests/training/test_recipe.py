"""A recipe says which steps were taken, and reads back as it was written."""

from pathlib import Path

from tests.conftest import BASE, NUMERICS
from training.recipe import STEP, Recipe, StepRecord
from training.training_settings import AdapterParams, DomainParams, KtoParams, SftParams

RECIPE = Recipe(base=BASE, numerics=NUMERICS, adapter=AdapterParams())


def with_steps() -> Recipe:
    domain = STEP["domain"](data="d" * 64, params=DomainParams(epochs=1))
    sft = STEP["sft"](data="e" * 64, params=SftParams(rows=8))
    return RECIPE.model_copy(update={"domain": domain, "sft": sft})


def test_the_steps_are_told_in_their_order_and_the_others_leave_no_trace() -> None:
    recipe = with_steps()
    assert recipe.taken == ("domain", "sft")
    assert b'"kto"' not in recipe.canonical()
    assert RECIPE.taken == ()


def test_what_was_written_is_read_with_every_setting_of_its_steps() -> None:
    recipe = with_steps()
    recipe.write(Path("recipe.json"))
    assert Recipe.read(Path("recipe.json")) == recipe
    assert Recipe.read(Path("recipe.json")).digest == recipe.digest


def test_any_setting_of_a_step_makes_another_recipe() -> None:
    one, other = (
        RECIPE.model_copy(update={"kto": STEP["kto"](data="d" * 64, params=KtoParams(beta=beta))})
        for beta in (0.1, 0.2)
    )
    assert one.digest != other.digest


def test_a_step_that_was_left_out_says_so() -> None:
    assert str(StepRecord(step="dpo")) == "dpo: left out"


def test_a_step_tells_the_loss_before_and_after() -> None:
    taken = StepRecord(step="sft", adapter="a" * 64, loss_before=3.0, loss_after=2.0)
    fell = "loss a token on what it did not learn 3.000, then 2.000"
    assert str(taken) == f"sft: {fell} (perplexity 20.1, then 7.4)"


def test_a_step_that_held_nothing_out_tells_the_losses_that_it_was_taken_by() -> None:
    taken = StepRecord(step="dpo", loss_of_first_step=0.693, loss_of_last_step=0.41)
    taken = taken.model_copy(update={"adapter": "a" * 64})
    said = "dpo: loss 0.693 at its first step, 0.410 at its last; nothing was held out"
    assert str(taken) == said
