"""A step that is trained with checkpoints, within a budget, and with books."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from math import ceil
from pathlib import Path

from safetensors import SafetensorError
from transformers import Trainer

from project.canonical import digest_file, digest_json
from project.errors import IncumbentError
from project.model_pins import folder_here
from project.paths import CODE
from project.records.record import Digest
from training.cost.estimate import StepEstimate, estimate_step
from training.cost.step_setup import StepWork
from training.cost.trainer_work import work_of
from training.kept.budget import Budget
from training.kept.checkpoints import Checkpoints
from training.kept.end_asked import noted_signals
from training.kept.keeper import BudgetSpentError, Keeper
from training.kept.running_book import RunningBook
from training.kept.training_state import Remembering, TrainingState, progress_of
from training.processes.group import agreed, is_first, is_sharded, world
from training.recipe import Recipe, StepName
from training.training_settings import LimitsParams
from training.watching.broken_loss import StopOnBrokenLoss

# A checkpoint goes on with the libraries that wrote it, and no others.
LIBRARIES = ("accelerate", "bitsandbytes", "peft", "torch", "transformers", "trl")

NOT_KEPT = "weights are shared out, and of those no checkpoint is kept: an interruption costs all"


def run_key(recipe: Recipe) -> Digest:
    """Of all that decides a run: the libraries too, and the code of its last step, where the stage
    `code` has written it down. And how many processes share it: others would draw other dropout.
    """
    code = CODE / f"{recipe.taken[-1]}.json"
    libraries = {name: version(name) for name in LIBRARIES}
    alone = [recipe.digest, libraries, digest_file(code) if code.is_file() else None]
    return digest_json(alone if world() == 1 else [*alone, world()])


class KeptRun:
    """One step's run in this process. `done` comes last, when its outputs have their place.

    Raises InputError for limits that cannot be held, and for a place that cannot be opened.
    """

    def __init__(
        self, step: StepName, recipe: Recipe, limits: LimitsParams, work: StepWork | None = None
    ) -> None:
        """`recipe` with this step in it; `work`, where it does not stand in the trainer's rows."""
        self.step, self.recipe, self.limits, self.work = step, recipe, limits, work
        self.budget = Budget(limits)
        self.checkpoints = Checkpoints(limits.checkpoints, run_key(recipe), limits.save_minutes)
        self.book = RunningBook(step, recipe, limits)
        self.earlier = self.book.earlier_minutes
        self.first = 0  # step of the optimiser that this process goes on from

    def train(self, trainer: Trainer) -> None:
        """Train to the end, from the newest valid checkpoint on if there is one.

        Raises IncumbentError where the budget is spent, the loss is no number, or nothing learnt.
        """
        estimate = self.estimate(trainer)
        print(f"training {self.step}: {estimate}", flush=True)
        if warning := self.warning(estimate):
            print(f"warning: {warning}", file=sys.stderr, flush=True)
        if is_sharded():
            print(f"warning: {NOT_KEPT}", file=sys.stderr, flush=True)
        state = TrainingState(trainer, remembering(trainer))
        newest = self.opened(state)
        self.book.enter(estimated_seconds=estimate.seconds)
        with noted_signals() as asked:
            trainer.add_callback(
                Keeper(state, self.checkpoints, asked, self.book.tick, self.budget_spent)
            )
            trainer.add_callback(StopOnBrokenLoss())
            self.loop(trainer, newest)
            if asked.number is not None:  # in the last step: no other began, to end before it
                done = "training was done when it came: the adapter is written"
                print(done, file=sys.stderr, flush=True)

    @contextmanager
    def saving(self, folder: Path) -> Iterator[None]:
        """Around what writes the adapter. Raises IncumbentError where that is not possible."""
        try:
            yield
        except (OSError, SafetensorError) as error:
            cause = getattr(error, "strerror", None) or error
            raise IncumbentError(
                f"the adapter of {self.step} cannot be written to {folder}: {cause}; make room "
                f"there and run again ({self.kept()})"
            ) from error

    def done(self) -> None:
        """Finish the book, say what the step took, and forget its checkpoints."""
        print(f"trained {self.book.enter(finished=True)}", flush=True)
        if is_first():
            self.checkpoints.forget()

    # --- one level down -------------------------------------------------------------------------

    def estimate(self, trainer: Trainer) -> StepEstimate:
        counted, sequences = work_of(trainer)
        self.work = self.work or counted
        return estimate_step(
            folder_here(self.recipe.base),
            self.recipe.adapter,
            getattr(self.recipe, self.step).params,
            self.recipe.numerics,
            self.work,
            ceil(self.work.batches / trainer.args.gradient_accumulation_steps),
            sequences=sequences,
            price=self.limits.price,
        )

    def warning(self, estimate: StepEstimate) -> str | None:
        if estimate.seconds is None:
            return None
        return self.budget.too_little(self.earlier, estimate.seconds / 60)

    def opened(self, state: TrainingState) -> Path | None:
        """The checkpoint to go on from, opened; None: there is none."""
        folder = self.newest_checkpoint()
        if folder is None:
            self.book.goes_on_from(None)
            return None
        state.open(folder)
        progress = progress_of(folder)
        self.first = progress.global_step
        print(f"going on from the checkpoint of step {self.first} of {progress.max_steps}")
        self.book.goes_on_from(self.first)
        return folder

    def newest_checkpoint(self) -> Path | None:
        """The same one for all processes: the first chooses."""
        found = self.checkpoints.newest_valid() if is_first() else None
        step = agreed(self.checkpoints.newest)
        return found if is_first() or step is None else self.checkpoints.of_step(step)

    def loop(self, trainer: Trainer, newest: Path | None) -> None:
        try:
            with self.book.training():
                trainer.train(resume_from_checkpoint=str(newest) if newest else None)
        except BudgetSpentError as spent:
            raise IncumbentError(self.told(spent)) from None
        finally:
            done = trainer.state.global_step
            self.book.enter(optimizer_steps=done, tokens=tokens_learnt(trainer, self.work))

    def budget_spent(self) -> bool:
        return self.budget.spent(self.earlier, self.book.minutes)

    def told(self, spent: BudgetSpentError) -> str:
        """When the checkpoint is written. How long all would have taken, by the steps so far."""
        here, done = self.book.minutes, spent.step - self.first
        more = (spent.steps - spent.step) * self.book.loop_seconds / 60 / done if done else 0.0
        return self.budget.told(self.earlier, here, here + more, self.kept())

    def kept(self) -> str:
        newest = self.checkpoints.newest
        return (
            f"the checkpoint of step {newest} is kept" if newest else "there is no checkpoint yet"
        )


def remembering(trainer: Trainer) -> dict[str, Remembering]:
    """The trainer's callbacks that have a state of their own, by their names."""
    found = trainer.callback_handler.callbacks
    return {type(one).__name__: one for one in found if hasattr(one, "remembered")}


def tokens_learnt(trainer: Trainer, work: StepWork | None) -> int:
    """As the trainer counted them, or that share of all which its steps are."""
    state = trainer.state
    share = state.global_step / state.max_steps if state.max_steps else 0.0
    return int(state.num_input_tokens_seen) or round(work.tokens * share if work else 0)
