"""Early stopping: the adapter with the lowest loss on dev is kept, and put back at the end."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import TrainerCallback

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
