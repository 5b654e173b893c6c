"""What a step writes down and shows while it is trained: its book, its curve, how far it is."""

import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import exp
from pathlib import Path
from typing import Any

import torch
from dvclive import Live
from scmrepo.exceptions import SCMError
from transformers import TrainerCallback

from project.errors import InputError
from project.progress import progress
from project.records.record import Digest
from training.kept.books import (
    EnergyMeter,
    TrainingBook,
    gpu_here,
    read_book,
    recipes_of,
    write_book,
)
from training.processes.group import is_first
from training.recipe import Recipe, StepName
from training.training_settings import LimitsParams

SECONDS_APART = 30.0  # between entries: what the book of a killed process lacks at most
KIB = 1024  # what Linux counts a process's memory in


class RunningBook:
    """Adds what this process takes to what those before it took; a finished book begins anew."""

    def __init__(
        self,
        step: StepName,
        recipe: Recipe,
        limits: LimitsParams,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits, self.clock = limits, clock
        self.meter = EnergyMeter(gpu_here(), clock=clock)
        self.began, self.worked = clock(), time.process_time()
        self.entered = self.began
        self.loop_began: float | None = None
        self.loop_seconds = 0.0
        *earlier, digest = (step_recipe.digest for step_recipe in recipes_of(recipe))
        book = self.readable(digest)
        if book and not book.finished:
            self.before = book.model_copy(update={"processes": book.processes + 1})
        else:
            self.before = TrainingBook(step=step, recipe=digest, earlier=tuple(earlier))
        self.book = self.before
        self.unwritten = False  # and that is said once

    def readable(self, recipe: Digest) -> TrainingBook | None:
        """None for a damaged book, too: training is worth more than its book."""
        try:
            return read_book(recipe)
        except InputError as error:
            print(f"warning: a book is left aside: {error}", file=sys.stderr, flush=True)
            return None

    def goes_on_from(self, step: int | None) -> None:
        """Count what is learnt again; None: training starts anew."""
        lost = max(0, self.before.optimizer_steps - (step or 0))
        changes = {
            "resumed": self.before.resumed + (step is not None),
            "lost_steps": self.before.lost_steps + lost,
            "optimizer_steps": step or 0,
        }
        self.before = self.before.model_copy(update=changes)
        self.enter(optimizer_steps=step or 0)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Count the block's time as that of training."""
        self.loop_began = self.clock()
        try:
            yield
        finally:
            self.loop_seconds += self.clock() - self.loop_began
            self.loop_began = None

    def tick(self, step: int) -> None:
        """Told of each step of the optimiser: writes the book now and then."""
        self.meter.tick()
        if self.clock() - self.entered >= SECONDS_APART:
            self.enter(optimizer_steps=step)

    def enter(self, **changes: Any) -> TrainingBook:
        """Write the book with all that this process has taken by now."""
        self.entered = self.clock()
        seconds, before, energy = self.entered - self.began, self.before, self.meter.taken()
        taken = {
            "processes": before.processes,
            "resumed": before.resumed,
            "lost_steps": before.lost_steps,
            "seconds": before.seconds + seconds,
            "training_seconds": before.training_seconds + self.loop_seconds + self.in_loop,
            "processor_seconds": before.processor_seconds + time.process_time() - self.worked,
            "peak_bytes": max(before.peak_bytes, peak_bytes()),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "processor",
            "joules": before.joules + energy.joules,
            "energy_source": energy.source,
            "price": self.limits.price,
            "money": before.money + seconds / 3600 * self.limits.price,
        }
        self.book = self.book.model_copy(update=taken | changes)
        try:
            if is_first():
                write_book(self.book)
        except OSError as error:  # a full disk, say: training is worth more than its book
            if not self.unwritten:
                print(f"warning: the book is not written: {error}", file=sys.stderr, flush=True)
            self.unwritten = True
        return self.book

    @property
    def in_loop(self) -> float:
        """Seconds of the loop that runs now."""
        return 0.0 if self.loop_began is None else self.clock() - self.loop_began

    @property
    def minutes(self) -> float:
        """Until now, over all processes."""
        return self.before.minutes + (self.clock() - self.began) / 60

    @property
    def earlier_minutes(self) -> float:
        """Minutes of the steps before this one, as far as they were trained here."""
        books = (self.readable(recipe) for recipe in self.before.earlier)
        return sum(book.minutes for book in books if book)


def peak_bytes() -> int:
    """This process's peak of memory: of the GPU's where there is one."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else most * KIB)


# --- learning curve -------------------------------------------------------------------------------

MEASURED = "eval_loss"  # on what is held out, a token
DRAWN = ("loss", MEASURED, "learning_rate", "grad_norm")
# Of step `grpo`, whose reward has a mean for each scorer too, as rewards/NAME/mean; and by how much
# vLLM's log-probabilities differ from the trainer's, as sampling/NAME/mean.
REWARDED = ("reward", "frac_reward_zero_std", "kl", "completions/mean_length")
MOST_LOSS = 700.0  # beyond that its exponential is no number


class LearningCurve(TrainerCallback):
    """Writes loss, learning rate and gradient norm of every step where `dvc plots` looks, and loss
    and perplexity on what is held out whenever they are measured.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.live = Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None)
        except SCMError as error:  # DVCLive wants the revision that HEAD is at
            raise InputError(f"{error}: commit the project once, then run it again") from None
        self.unwritten = False  # and that is said once

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Draw again what the interrupted run had drawn that this one goes on from."""
        for logged in state.log_history:
            self.draw(int(logged["step"]), logged)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **kwargs: Any
    ) -> None:
        try:
            self.draw(state.global_step, logs)
        except OSError as error:  # a full disk, say: training is worth more than its curve
            if not self.unwritten:
                print(f"warning: the learning curve has a gap: {error}", file=sys.stderr)
            self.unwritten = True

    def draw(self, step: int, logs: Mapping[str, float]) -> None:
        self.live.step = step
        for name in DRAWN:
            if name in logs:
                self.live.log_metric(name, logs[name])
        if "reward" in logs:
            means = [name for name in logs if re.fullmatch("(rewards|sampling)/.*/mean", name)]
            for name in (*REWARDED, *means):
                if logs[name] is not None:  # no answer could be rated
                    self.live.log_metric(name, logs[name])
        if MEASURED in logs:
            perplexity = exp(min(logs[MEASURED], MOST_LOSS))
            self.live.log_metric("eval_perplexity", perplexity)
        self.live.make_summary()


class StepsWithLoss(TrainerCallback):
    """Says how many steps are done, with the loss of the newest."""

    def __init__(self, label: str) -> None:
        self.label = label

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown = ExitStack()
        self.bar = self.shown.enter_context(
            progress(self.label, state.max_steps, "steps", done=state.global_step)
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.advance()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any
    ) -> None:
        if "loss" in logs:
            self.bar.advance(0, note=f"loss={float(logs['loss']):.2f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.shown.close()
