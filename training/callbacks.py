"""What a training run shows while it goes on, and what `dvc plots` draws of it."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dvclive import Live
from scmrepo.exceptions import SCMError
from transformers import TrainerCallback

from project.errors import InputError
from project.progress import progress


class LearningCurve(TrainerCallback):
    """Writes loss, learning rate and gradient norm of every step where `dvc plots` looks."""

    def __init__(self, folder: Path) -> None:
        try:
            self.live = Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None)
        except SCMError as error:  # DVCLive wants the revision that HEAD is at
            raise InputError(f"{error}: commit the project once, then run it again") from None

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **kwargs: Any
    ) -> None:
        self.live.step = state.global_step
        for name in ("loss", "learning_rate", "grad_norm"):
            if name in logs:
                self.live.log_metric(name, logs[name])
        self.live.make_summary()


class StepsWithLoss(TrainerCallback):
    """Says how many steps are done, with the loss of the newest."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown = ExitStack()
        self.bar = self.shown.enter_context(progress("training", state.max_steps, "steps"))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.advance()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any
    ) -> None:
        if "loss" in logs:
            self.bar.advance(0, note=f"loss={float(logs['loss']):.2f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown.close()
