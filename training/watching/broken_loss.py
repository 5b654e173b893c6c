"""Stops a run whose loss is no number, or nothing: what it would make is worth nothing."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from transformers import TrainerCallback

from project.errors import IncumbentError

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
