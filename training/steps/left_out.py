"""A step that the recipe leaves out."""

from project.files import staged_folder
from project.paths import step_of
from training.recipe import StepName, StepRecord
from training.watching.curve_files import fill_up_curves


def leave_out(step: StepName) -> None:
    """Write that it was left out; what it left before goes."""
    record = StepRecord(step=step)
    with staged_folder(step_of(step)) as draft:
        record.write(draft / "step.json")
        fill_up_curves(draft)
    print(record)
