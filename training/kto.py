"""Stage `kto`: Kahneman-Tversky optimisation on answers that are good or bad, one at a time."""

from project.settings import load
from training.steps.earlier import leave_out
from training.training_settings import KtoParams


def main() -> None:
    params = load(KtoParams)
    if not params.epochs:
        return leave_out("kto")
    # Imported here because a step that is left out need not wait for torch.
    from training.steps.preference_trainers import gathered_kto_data
    from training.steps.run_step import run_step

    return run_step("kto", params, gathered_kto_data)
