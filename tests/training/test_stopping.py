"""When training stops by itself: on a loss that is no number or nothing, and on an early stop."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from project.errors import IncumbentError
from tests.training.kept_steps import SFT, sft_trainer


def log(*, fp16: bool = False, before: tuple[float, ...] = (), **logs: float) -> None:
    from training.kept.checkpoints import StopOnBrokenLoss

    history = [{"loss": loss} for loss in before]
    at = SimpleNamespace(global_step=7, max_steps=12, log_history=history)
    StopOnBrokenLoss().on_log(SimpleNamespace(fp16=fp16), at, None, logs)


@pytest.mark.parametrize(
    ("logs", "told"),
    [
        ({"loss": math.nan}, "the loss is nan at step 7 of 12: try a lower learning_rate"),
        ({"loss": 1.0, "grad_norm": math.inf}, "the gradient is inf at step 7 of 12"),
        ({"eval_loss": math.nan}, "the dev loss is nan at step 7 of 12"),
        ({"loss": 0.0}, "the loss is 0 at step 7 of 12: no token of these rows is learnt"),
    ],
    ids=str,
)
def test_a_broken_loss_ends_training_in_words(logs: dict[str, float], told: str) -> None:
    with pytest.raises(IncumbentError, match=told):
        log(**logs)


@pytest.mark.parametrize(
    "logs",
    [{"loss": 1e-9, "grad_norm": 0.1}, {"eval_loss": 0.0}, {"train_loss": 0.0}],
    ids=str,
)
def test_a_loss_that_is_a_number_does_not(logs: dict[str, float]) -> None:
    log(**logs)


def test_a_loss_that_comes_down_to_nothing_is_no_end() -> None:
    """All is learnt by heart, as answers are that DPO tells apart for certain."""
    log(loss=0.0, before=(2.0, 0.0))
    with pytest.raises(IncumbentError):
        log(loss=0.0, before=(0.0, 0.0))


def test_in_float16_a_gradient_that_overflows_is_no_end() -> None:
    """The scaler skips that step, and tries a smaller scale."""
    log(loss=1.0, grad_norm=math.inf, fp16=True)


class Measured:
    """A model of one weight, and what a trainer tells a callback of it."""

    def __init__(self, patience: int) -> None:
        import torch

        from training.kept.checkpoints import KeepBest

        self.model = torch.nn.Linear(1, 1, bias=False)
        self.keeper = KeepBest(patience)
        self.control = SimpleNamespace(should_training_stop=False)
        self.step = 0

    def measure(self, weight: float, loss: float) -> bool:
        """Whether training ends after this measurement."""
        self.step += 1
        self.model.weight.data.fill_(weight)
        state = SimpleNamespace(global_step=self.step)
        metrics = {"eval_loss": loss}
        self.keeper.on_evaluate(None, state, self.control, metrics, model=self.model)
        return self.control.should_training_stop

    def end(self) -> float:
        self.keeper.on_train_end(None, None, None, model=self.model)
        return float(self.model.weight.detach())


def test_training_ends_after_so_many_measurements_without_a_lower_loss() -> None:
    run = Measured(patience=2)
    losses = (3.0, 2.0, 2.5, 1.9, 2.0, 1.9)
    assert [run.measure(i, loss) for i, loss in enumerate(losses)] == [False] * 5 + [True]
    assert run.end() == 3.0  # the weight that the lowest loss was measured of


def test_a_measurement_before_training_is_none_of_these() -> None:
    run = Measured(patience=1)
    run.step = -1
    run.measure(1.0, loss=0.1)  # at step 0
    assert not run.measure(2.0, loss=5.0)
    assert run.end() == 2.0


def test_what_it_remembers_goes_on_elsewhere() -> None:
    first, second = Measured(patience=2), Measured(patience=2)
    first.measure(1.0, loss=1.0)
    first.measure(2.0, loss=2.0)
    second.keeper.remember(first.keeper.remembered())
    second.step = 2
    assert second.measure(3.0, loss=3.0)
    assert second.end() == 1.0


@pytest.mark.slow
def test_a_learning_rate_that_is_far_too_high_is_told_at_once(tiny_base: Path) -> None:
    from training.kept.checkpoints import StopOnBrokenLoss

    trainer: Any = sft_trainer(tiny_base, SFT.model_copy(update={"learning_rate": 1e30}))
    trainer.add_callback(StopOnBrokenLoss())
    with pytest.raises(
        IncumbentError, match=r"is nan at step \d+ of 12: try a lower learning_rate"
    ):
        trainer.train()
    assert trainer.state.global_step < 12


@pytest.mark.slow
def test_rows_of_which_nothing_is_learnt_are_told_at_once(tiny_base: Path) -> None:
    from training.kept.checkpoints import StopOnBrokenLoss

    trainer: Any = sft_trainer(tiny_base)
    trainer.train_dataset = trainer.train_dataset.map(
        lambda row: {"labels": [-100] * len(row["input_ids"])}, load_from_cache_file=False
    )
    trainer.add_callback(StopOnBrokenLoss())
    with pytest.raises(IncumbentError, match="the loss is 0 at step 1 of 12"):
        trainer.train()
