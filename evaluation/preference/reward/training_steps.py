"""How far the training of a reward model is, as all long work says it."""

from contextlib import ExitStack
from typing import Any

from transformers import TrainerCallback

from project.progress import progress


class Steps(TrainerCallback):
    """Says how many steps are done."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown = ExitStack()
        self.bar = self.shown.enter_context(progress("reward model", state.max_steps, "steps"))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.advance()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown.close()
