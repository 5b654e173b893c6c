"""Early stopping: the adapter with the lowest loss on dev is kept. A broken loss ends the run."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch
from transformers import TrainerCallback

from project.errors import IncumbentError

LOSS = "eval_loss"


class KeepBest(TrainerCallback):
    """Ends training after so many measurements without a lower loss; the weights of the best one
    are kept in memory. Needs an `eval_strategy`.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.lowest: float | None = None
        self.best: dict[str, torch.Tensor] = {}  # by the names of the trained weights
        self.step = 0  # at which they were these
        self.worse = 0  # measurements since then

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, float], **kwargs: Any
    ) -> None:
        if not state.global_step or LOSS not in metrics:  # measured before training
            return
        if self.lowest is None or metrics[LOSS] < self.lowest:
            self.lowest, self.step, self.worse = metrics[LOSS], state.global_step, 0
            self.best = {name: w.detach().clone() for name, w in trained(kwargs["model"])}
            return
        self.worse += 1
        if self.worse >= self.patience:
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        with torch.no_grad():
            for name, weight in trained(kwargs["model"]):
                if name in self.best:
                    weight.copy_(self.best[name])

    def remembered(self) -> dict[str, Any]:
        return {"lowest": self.lowest, "best": self.best, "step": self.step, "worse": self.worse}

    def remember(self, state: Mapping[str, Any]) -> None:
        self.lowest, self.best = state["lowest"], dict(state["best"])
        self.step, self.worse = state["step"], state["worse"]


def trained(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


# --- broken loss ----------------------------------------------------------------------------------

# Stops a run whose loss is no number, or nothing: what it would make is worth nothing.

NO_NUMBER = "try a lower learning_rate or a longer warmup_share first, then base.precision: float32"
NOTHING = (
    "no token of these rows is learnt: `incumbent data preview` shows which tokens the loss is on"
)


class StopOnBrokenLoss(TrainerCallback):
    """Looks at every log of the trainer, whose `logging_nan_inf_filter` must be off.

    Raises IncumbentError where loss or gradient is NaN or infinite, and where it is 0 from the
    beginning.
    """

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any
    ) -> None:
        where = f"at step {state.global_step} of {state.max_steps}"
        for name, what in (("loss", "loss"), ("grad_norm", "gradient"), ("eval_loss", "dev loss")):
            value = logs.get(name)
            if value is not None and not isfinite(float(value)):
                skipped = name == "grad_norm" and args.fp16
                if not skipped:  # there the scaler skips the step, and tries a smaller scale
                    raise IncumbentError(f"the {what} is {float(value)} {where}: {NO_NUMBER}")
        # Where there was a loss before, all is learnt by now.
        if logs.get("loss") == 0.0 and not any(past.get("loss") for past in state.log_history):
            raise IncumbentError(f"the loss is 0 {where}: {NOTHING}")
