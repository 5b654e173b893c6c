"""The callback that writes checkpoints, ends a run in order, and puts back what a run was."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from training.kept.checkpoints import Checkpoints
from training.kept.end_asked import EndAsked
from training.kept.training_state import TrainingState
from training.processes.group import agreed, is_first, is_sharded


class Keeper(TrainerCallback):
    """Saves at the beginning of a step: what was measured after the one before is in it, too.

    Of several processes the first one saves. Where each holds a part of the weights, none does.
    """

    def __init__(
        self,
        state: TrainingState,
        checkpoints: Checkpoints,
        asked: EndAsked,
        tick: Callable[[int], None],
        budget_spent: Callable[[], bool],
    ) -> None:
        """`tick` is told of each step."""
        self.state = state
        self.checkpoints = checkpoints
        self.asked = asked
        self.tick = tick
        self.budget_spent = budget_spent

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.state.training_begins()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.state.epoch_begins()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Raises KeyboardInterrupt or BudgetSpentError, after a checkpoint."""
        self.state.step_begins()
        self.checkpoints.place.drop_copy()  # all that was in it is read
        self.tick(state.global_step)
        # All processes of a group end before the same step, whichever was asked or is late.
        self.asked.number, spent = agreed((self.asked.number, self.budget_spent()))
        asked = self.asked.number is not None
        if asked or spent or self.checkpoints.due:
            self.save(state.global_step)
        if asked:
            self.asked.end()
        if spent:
            raise BudgetSpentError(state.global_step, state.max_steps)

    def save(self, step: int) -> None:
        if step and is_first() and not is_sharded() and step != self.checkpoints.newest:
            self.checkpoints.save(step, self.state.write)


class BudgetSpentError(Exception):
    """At a step of the optimiser, of so many."""

    def __init__(self, step: int, steps: int) -> None:
        super().__init__(f"at step {step} of {steps}")
        self.step, self.steps = step, steps
