"""The steps before a step, and the files of their curves."""

from dataclasses import dataclass
from pathlib import Path

from project.canonical import digest_folder
from project.errors import IncumbentError
from project.files import staged_folder, write_bytes
from project.paths import step_of
from project.records.record import Digest
from training.recipe import (
    START_ADAPTER,
    START_FILE,
    STEPS,
    Recipe,
    StepName,
    StepRecord,
    TrainingStart,
)


@dataclass(frozen=True)
class Earlier:
    """An adapter that training goes on from; without a folder it is a fresh one."""

    folder: Path | None = None
    files: Digest | None = None  # of the folder
    recipe: Recipe | None = None  # of the steps of this run that made it
    start: Digest | None = None  # the champion's adapter, where the first step began with it

    def refuse_damaged(self, folder: Path) -> None:
        """Raise IncumbentError where a folder does not hold the bytes that its step wrote."""
        if self.files and digest_folder(folder) != self.files:
            raise IncumbentError(
                f"{folder} is not what its step wrote: remove it, and run `dvc repro` again"
            )


FRESH = Earlier()


def newest_before(step: StepName | None) -> Earlier:
    """The adapter of the newest step before this one that was not left out, else the champion's
    where training starts from it. None: of all steps.
    """
    before = STEPS[: STEPS.index(step)] if step else STEPS
    start = TrainingStart.read(START_FILE).adapter
    for name in reversed(before):
        file = step_of(name) / "step.json"
        if (
            name in ("distill", "grpo") and not file.exists()
        ):  # a pipeline from before there was one
            continue
        record = StepRecord.read(file)
        if record.adapter:
            return Earlier(step_of(name) / "adapter", record.adapter, record.recipe, start)
    return Earlier(START_ADAPTER if start else None, start, None, start)


# --- left out -------------------------------------------------------------------------------------


def leave_out(step: StepName) -> None:
    """Write that it was left out; what it left before goes."""
    record = StepRecord(step=step)
    with staged_folder(step_of(step)) as draft:
        record.write(draft / "step.json")
        fill_up_curves(draft)
    print(record)


# --- curve files ----------------------------------------------------------------------------------

# Of dvc.yaml's plots; DVCLive writes each where it was measured.
CURVES = ("loss", "learning_rate", "eval_loss", "eval_perplexity")


def fill_up_curves(step: Path) -> None:
    """Write those that a step has not, with a head and no line: DVC warns of missing ones."""
    for name in CURVES:
        file = step / "plots" / "metrics" / f"{name}.tsv"
        if not file.exists():
            write_bytes(file, f"step\t{name}\n".encode())
