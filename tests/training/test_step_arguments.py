"""How many steps a run takes, and when it measures itself."""

import pytest

from training.steps.arguments import measuring, optimizer_steps, step_arguments
from training.training_settings import SftParams


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
    assert measuring(params, 80, 0) == {"eval_strategy": "no"}


def test_the_warm_up_is_a_share_of_all_steps() -> None:
    params = SftParams(batch_size=1, epochs=2, warmup_share=0.1)
    assert step_arguments(params, "float32", 50, seed=0)["warmup_steps"] == 10
