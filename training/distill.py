"""Stage `distill`: on-policy distillation from a teacher, on the adapter's own answers."""

from project.settings import load
from training.steps.earlier import leave_out
from training.training_settings import DistillParams


def main() -> None:
    params = load(DistillParams)
    if not params.epochs:
        return leave_out("distill")
    # Imported here because a step that is left out need not wait for torch.
    from training.steps.distill_step import taught_data
    from training.steps.run_step import run_step

    return run_step("distill", params, taught_data)
