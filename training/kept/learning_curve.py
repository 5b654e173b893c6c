"""What a training run shows while it goes on, and what `dvc plots` draws of it."""

import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from math import exp
from pathlib import Path
from typing import Any

from dvclive import Live
from scmrepo.exceptions import SCMError
from transformers import TrainerCallback

from project.errors import InputError
from project.progress import progress

MEASURED = "eval_loss"  # on what is held out, a token
DRAWN = ("loss", MEASURED, "learning_rate", "grad_norm")
# Of step `grpo`, whose reward has a mean for each scorer too, as rewards/NAME/mean; and by how much
# vLLM's log-probabilities differ from the trainer's, as sampling/NAME/mean.
REWARDED = ("reward", "frac_reward_zero_std", "kl", "completions/mean_length")
MOST_LOSS = 700.0  # beyond that its exponential is no number


class LearningCurve(TrainerCallback):
    """Writes loss, learning rate and gradient norm of every step where `dvc plots` looks, and loss
    and perplexity on what is held out whenever they are measured.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.live = Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None)
        except SCMError as error:  # DVCLive wants the revision that HEAD is at
            raise InputError(f"{error}: commit the project once, then run it again") from None
        self.unwritten = False  # and that is said once

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Draw again what the interrupted run had drawn that this one goes on from."""
        for logged in state.log_history:
            self.draw(int(logged["step"]), logged)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **kwargs: Any
    ) -> None:
        try:
            self.draw(state.global_step, logs)
        except OSError as error:  # a full disk, say: training is worth more than its curve
            if not self.unwritten:
                print(f"warning: the learning curve has a gap: {error}", file=sys.stderr)
            self.unwritten = True

    def draw(self, step: int, logs: Mapping[str, float]) -> None:
        self.live.step = step
        for name in DRAWN:
            if name in logs:
                self.live.log_metric(name, logs[name])
        if "reward" in logs:
            means = [name for name in logs if re.fullmatch("(rewards|sampling)/.*/mean", name)]
            for name in (*REWARDED, *means):
                if logs[name] is not None:  # no answer could be rated
                    self.live.log_metric(name, logs[name])
        if MEASURED in logs:
            perplexity = exp(min(logs[MEASURED], MOST_LOSS))
            self.live.log_metric("eval_perplexity", perplexity)
        self.live.make_summary()


class StepsWithLoss(TrainerCallback):
    """Says how many steps are done, with the loss of the newest."""

    def __init__(self, label: str) -> None:
        self.label = label

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown = ExitStack()
        self.bar = self.shown.enter_context(
            progress(self.label, state.max_steps, "steps", done=state.global_step)
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.advance()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any
    ) -> None:
        if "loss" in logs:
            self.bar.advance(0, note=f"loss={float(logs['loss']):.2f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown.close()
