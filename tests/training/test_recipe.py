"""A recipe says which steps were taken, and reads back as it was written."""

from pathlib import Path

import pytest
from trl import SFTConfig

from project.records.data import Row
from project.records.scenarios import Scenario, SimulatedUser
from tests.conftest import BASE, NUMERICS
from training.recipe import STEP, Recipe, StepRecord
from training.steps.run_step import measuring, one_device, optimizer_steps, step_arguments
from training.steps.sft_step import sft_step_data
from training.training_settings import (
    AdapterParams,
    DomainParams,
    DpoParams,
    GrpoParams,
    KtoParams,
    SftParams,
)

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


# --- test step arguments --------------------------------------------------------------------------

# How many steps a run takes, and when it measures itself.


@pytest.mark.parametrize(
    ("examples", "batch", "accumulation", "epochs", "steps"),
    [(8, 2, 1, 1, 4), (9, 2, 1, 1, 5), (9, 2, 2, 1, 3), (8, 2, 1, 0.5, 2), (8, 2, 1, 3, 12)],
)
def test_the_weights_move_once_for_each_accumulated_batch(
    examples: int, batch: int, accumulation: int, epochs: float, steps: int
) -> None:
    params = SftParams(batch_size=batch, gradient_accumulation=accumulation, epochs=epochs)
    assert optimizer_steps(params, examples) == steps


def test_it_measures_itself_as_often_as_asked_and_never_without_anything_to_measure_on() -> None:
    params = SftParams(batch_size=2)
    assert measuring(params, 80, 4) == {"eval_strategy": "steps", "eval_steps": 10}
    assert measuring(params, 4, 10) == {"eval_strategy": "steps", "eval_steps": 1}
    assert measuring(params, 14, 4)["eval_steps"] == 2  # of 7 steps: 2, 4, 6, and the end
    assert measuring(params, 162, 4)["eval_steps"] == 21  # of 81 steps: 21, 42, 63, and the end
    assert measuring(params, 80, 0) == {"eval_strategy": "no"}


def test_the_loss_on_dev_is_of_no_scenarios() -> None:
    rows = [Row.of(f"What is {i}?", "one", group=str(i), source="s") for i in range(3)]
    scenario = {"scenario": Scenario(user=SimulatedUser(), say=(9,))}
    talk, params = rows[2].model_copy(update=scenario), SftParams(patience=1, evaluations=2)
    with_one = sft_step_data(rows[:1], [rows[1], talk], params)
    assert with_one.data == sft_step_data(rows[:1], rows[1:2], params).data


def test_a_batch_is_not_split_among_gpus() -> None:
    config = SFTConfig(**step_arguments(SftParams(), AdapterParams(), "float32", 8))
    config._n_gpu = 2
    assert one_device(config).train_batch_size == SftParams().batch_size


def test_patience_without_a_measurement_is_refused() -> None:
    with pytest.raises(ValueError, match="patience needs measurements"):
        SftParams(patience=2, evaluations=0)


def test_the_warm_up_is_a_share_of_all_steps() -> None:
    params, adapter = SftParams(batch_size=1, epochs=2), AdapterParams(warmup_share=0.1)
    assert step_arguments(params, adapter, "float32", 50)["warmup_steps"] == 10


def test_what_stays_close_to_its_reference_learns_a_tenth_as_fast() -> None:
    assert {step().learning_rate for step in (DpoParams, KtoParams, GrpoParams)} == {5e-5}
    assert SftParams().learning_rate == 5e-4
