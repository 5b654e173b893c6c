"""Stage `dpo`: direct preference optimisation on pairs of a better and a worse answer."""

from project.settings import load
from training.steps.earlier import leave_out
from training.training_settings import DpoParams


def main() -> None:
    params = load(DpoParams)
    if not params.epochs:
        return leave_out("dpo")
    # Imported here because a step that is left out need not wait for torch.
    from training.steps.preference_trainers import gathered_dpo_data
    from training.steps.run_step import run_step

    return run_step("dpo", params, gathered_dpo_data)
