"""A step that is trained with checkpoints, within a budget, and with books."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import Trainer, TrainerCallback, TrainerState

from project.canonical import digest_file, digest_json
from project.child_processes import EndedBySignal
from project.errors import IncumbentError
from project.model_pins import folder_here
from project.paths import CODE
from project.records.record import Digest
from training.cost.memory import StepWork
from training.cost.step_estimate import StepEstimate, estimate_step, work_of
from training.kept.books import off_by
from training.kept.checkpoints import Checkpoints, StopOnBrokenLoss
from training.kept.running_book import RunningBook
from training.kept.training_state import PROGRESS, TrainingState
from training.processes.group import agreed, is_first, is_sharded, world
from training.recipe import Recipe, StepName
from training.training_settings import LimitsParams

# --- budget ---------------------------------------------------------------------------------------

# How long all steps of an adapter may take together, and whether that is spent.


@dataclass(frozen=True)
class Budget:
    """The limit in minutes, if there is one."""

    minutes: float | None

    def spent(self, earlier: float, here: float) -> bool:
        """Whether the budget is spent, by minutes of the steps before and of this one."""
        return self.minutes is not None and earlier + here >= self.minutes

    def too_little(self, earlier: float, estimate: float) -> str | None:
        """A warning where a step is not expected to end within the budget."""
        if self.minutes is None or earlier + estimate <= self.minutes:
            return None
        before = f" after {earlier:.1f} min of the steps before" if earlier else ""
        return (
            f"about {estimate:.0f} min{before} is more than the budget of {self.minutes:g} min: "
            "training will stop there, with a checkpoint; training.limits.minutes raises it"
        )

    def told(self, earlier: float, here: float, expected: float, kept: str) -> str:
        """What is said when it is spent: minutes, those that the step would take, what is kept."""
        before = f", and {earlier:.1f} min of the steps before" if earlier else ""
        return (
            f"the budget of {self.minutes:g} min is spent after {here:.1f} of about "
            f"{expected:.0f} min{before}; {kept}: raise training.limits.minutes and run again to "
            "go on"
        )


# --- end asked ------------------------------------------------------------------------------------

# A signal that asks a training run to end: noted first, so that a checkpoint can be written.

STDERR = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndAsked:
    """Which signal came, if any."""

    def __init__(self) -> None:
        self.number: int | None = None

    def note(self, number: int, before: Any, frame: Any) -> None:
        """The first of a kind is noted; the same again ends at once, as it did before."""
        if self.number == number and callable(before):
            before(number, frame)
        self.number = number
        name = signal.Signals(number).name
        notice = f"{name}: a checkpoint comes after this step; again, to end at once\n"
        if is_first():
            os.write(STDERR, notice.encode())  # print would fail where it came amid another print

    def end(self) -> None:
        """End as the signal would have. Raises KeyboardInterrupt."""
        if self.number in (None, signal.SIGINT):
            raise KeyboardInterrupt
        raise EndedBySignal(self.number)


@contextmanager
def noted_signals() -> Iterator[EndAsked]:
    """Note signals in the block, in the main thread. One that the process was started to ignore,
    as `nohup` does, is still ignored.
    """
    asked = EndAsked()
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if main}
    minded = {n: handler for n, handler in before.items() if handler is not signal.SIG_IGN}
    for number in minded:
        signal.signal(number, lambda n, frame: asked.note(n, before[signal.Signals(n)], frame))
    try:
        yield asked
    finally:
        for number, handler in minded.items():
            signal.signal(number, handler)


# --- keeper ---------------------------------------------------------------------------------------


class Keeper(TrainerCallback):
    """Saves at the beginning of a step: what was measured after the one before is in it, too.

    Of several processes the first one saves. Where each holds a part of the weights, none does.
    """

    def __init__(
        self,
        state: TrainingState,
        checkpoints: Checkpoints,
        asked: EndAsked,
        tick: Callable[[int], None],
        budget_spent: Callable[[], bool],
    ) -> None:
        """`tick` is told of each step."""
        self.state = state
        self.checkpoints = checkpoints
        self.asked = asked
        self.tick = tick
        self.budget_spent = budget_spent

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.state.training_begins()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.state.epoch_begins()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Raises KeyboardInterrupt or BudgetSpentError, after a checkpoint."""
        self.state.step_begins()
        self.checkpoints.place.drop_copy()  # all that was in it is read
        self.tick(state.global_step)
        # All processes of a group end before the same step, whichever was asked or is late.
        self.asked.number, spent = agreed((self.asked.number, self.budget_spent()))
        asked = self.asked.number is not None
        if asked or spent or self.checkpoints.due:
            self.save(state.global_step)
        if asked:
            self.asked.end()
        if spent:
            raise BudgetSpentError(state.global_step, state.max_steps)

    def save(self, step: int) -> None:
        if step and is_first() and not is_sharded() and step != self.checkpoints.newest:
            self.checkpoints.save(step, self.state.write)


class BudgetSpentError(Exception):
    """The budget is spent, at a step of the optimiser of so many."""

    def __init__(self, step: int, steps: int) -> None:
        super().__init__(f"at step {step} of {steps}")
        self.step, self.steps = step, steps


# --- kept run -------------------------------------------------------------------------------------

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
        self.budget = Budget(limits.minutes)
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
        callbacks = trainer.callback_handler.callbacks
        state = TrainingState(
            trainer, {type(c).__name__: c for c in callbacks if hasattr(c, "remembered")}
        )
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

    # --- estimate, budget and checkpoints of the run --------------------------------------------

    def estimate(self, trainer: Trainer) -> StepEstimate:
        counted, sequences = work_of(trainer)
        self.work = self.work or counted
        estimate = estimate_step(
            folder_here(self.recipe.base),
            self.recipe.adapter,
            getattr(self.recipe, self.step).params,
            self.recipe.numerics,
            self.work,
            ceil(self.work.batches / trainer.args.gradient_accumulation_steps),
            sequences=sequences,
            price=self.limits.price,
        )
        return replace(estimate, times=off_by())

    def warning(self, estimate: StepEstimate) -> str | None:
        if estimate.expected is None:
            return None
        return self.budget.too_little(self.earlier, estimate.expected / 60)

    def opened(self, state: TrainingState) -> Path | None:
        """The checkpoint to go on from, opened; None: there is none."""
        folder = self.newest_checkpoint()
        if folder is None:
            self.book.goes_on_from(None)
            return None
        state.open(folder)
        progress = TrainerState.load_from_json(str(folder / PROGRESS))
        self.first = progress.global_step
        print(f"going on from the checkpoint of step {self.first} of {progress.max_steps}")
        self.book.goes_on_from(self.first)
        return folder

    def newest_checkpoint(self) -> Path | None:
        """The same one for all processes: the first chooses."""
        newest = self.checkpoints.newest_valid() if is_first() else None
        step = agreed(self.checkpoints.newest)
        return newest if is_first() or step is None else self.checkpoints.of_step(step)

    def loop(self, trainer: Trainer, newest: Path | None) -> None:
        try:
            with self.book.training():
                trainer.train(resume_from_checkpoint=str(newest) if newest else None)
        except BudgetSpentError as spent:
            raise IncumbentError(self.told(spent)) from None
        finally:
            done = trainer.state.global_step
            # The tokens as the trainer counted them, or that share of all which its steps are.
            state = trainer.state
            share = state.global_step / state.max_steps if state.max_steps else 0.0
            self.book.enter(
                optimizer_steps=done,
                tokens=int(state.num_input_tokens_seen)
                or round(self.work.tokens * share if self.work else 0),
            )

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
