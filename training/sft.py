"""Stage `sft`: supervised fine-tuning on the gated training rows."""

from project.settings import load
from training.steps.earlier import leave_out
from training.training_settings import SftParams


def main() -> None:
    params = load(SftParams)
    if not params.epochs:
        return leave_out("sft")
    # Imported here because a step that is left out need not wait for torch.
    from training.steps.run_step import run_step
    from training.steps.sft_step import curated_rows_data

    return run_step("sft", params, curated_rows_data)
