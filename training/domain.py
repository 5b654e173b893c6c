"""Stage `domain`: continued pre-training on the raw text of the domain."""

from project.settings import load
from training.steps.earlier import leave_out
from training.training_settings import DomainParams


def main() -> None:
    params = load(DomainParams)
    if not params.epochs:
        return leave_out("domain")
    # Imported here because a step that is left out need not wait for torch.
    from training.steps.run_step import run_step
    from training.steps.sft_step import domain_step_data

    return run_step("domain", params, domain_step_data)
