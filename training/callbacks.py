"""What a training run shows while it goes on, and what `dvc plots` draws of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvclive import Live
from scmrepo.exceptions import SCMError
from transformers import ProgressCallback, TrainerCallback

from project.errors import InputError


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


class ProgressWithLoss(ProgressCallback):
    """One bar with the loss on it, rather than a line for each step."""

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        if self.training_bar is not None and logs and "loss" in logs:
            self.training_bar.set_postfix(loss=f"{float(logs['loss']):.2f}")
