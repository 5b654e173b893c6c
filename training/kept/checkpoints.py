"""Checkpoints, and the best of them by what dev says."""

import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from pydantic import NonNegativeInt
from transformers import TrainerCallback

from project.canonical import digest_file
from project.errors import IncumbentError, InputError
from project.files import home
from project.object_stores import FileStore, local_path
from project.records.record import Digest, Record

# --- checkpoints ----------------------------------------------------------------------------------

KEPT = 2  # the newest, and the one before it, should the newest be damaged
RUN_DIGITS = 16  # of a run's key that name its folder


class CheckpointCard(Record):
    """What a checkpoint holds: the digest of each of its files, written when all are there."""

    key: Digest  # of all that decides the run
    step: NonNegativeInt  # optimiser steps that were taken
    files: dict[str, Digest]


class Checkpoints:
    """Those of one run, told apart by its key, in a folder or an object store.

    Raises InputError for a location that cannot be opened.
    """

    def __init__(
        self,
        location: str | None,
        key: Digest,
        save_minutes: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place = CheckpointStore(location or str(home() / "checkpoints"), key[:RUN_DIGITS])
        self.key = key
        self.seconds_apart = save_minutes * 60
        self.clock = clock
        self.last = clock()
        self.valid: list[str] = []  # that this process wrote or went on from, in order

    @property
    def due(self) -> bool:
        return self.clock() - self.last >= self.seconds_apart

    def save(self, step: int, write: Callable[[Path], None]) -> bool:
        """Write a checkpoint; whether that worked. A failure is a warning: training goes on, with
        the checkpoints that there are, and tries again after save_minutes.
        """
        try:
            with self.place.draft(name_of(step)) as draft:
                write(draft)
                files = {path.name: digest_file(path) for path in draft.iterdir()}
                CheckpointCard(key=self.key, step=step, files=files).write(draft / CARD)
        except Exception as error:  # every kind of store raises exceptions of its own
            print(self.not_written(step, error), file=sys.stderr, flush=True)
            return False
        finally:
            self.last = self.clock()
        self.valid = [*self.valid, name_of(step)][-KEPT:]
        self.remove_all(but=self.valid)
        return True

    def newest_valid(self) -> Path | None:
        """A local folder with the newest checkpoint that is whole and this run's; None: there is
        none. One that is skipped is told of.
        """
        for name in sorted(self.names(), reverse=True):
            try:
                folder = self.checked(name)
            except Exception as error:  # as in `save`
                cause = getattr(error, "strerror", None) or error
                print(f"checkpoint {name} in {self.place.location} is skipped: {cause}")
                continue
            self.valid = [name]
            return folder
        return None

    def of_step(self, step: int) -> Path:
        """A local folder with one that another process found to be valid."""
        return self.place.fetch(name_of(step))

    def forget(self) -> None:
        """Delete them all: the run is done."""
        self.remove_all()
        self.place.close()

    # --- folders of checkpoints -----------------------------------------------------------------

    @property
    def newest(self) -> int | None:
        """The step of the newest one that is known to be valid."""
        return int(self.valid[-1].removeprefix(PREFIX)) if self.valid else None

    def names(self) -> list[str]:
        return [name for name in self.place.names() if name.startswith(PREFIX)]

    def remove_all(self, but: Collection[str] = ()) -> None:
        with self.warned("old checkpoints"):
            for name in self.names():
                if name not in but:
                    with self.warned(name):
                        self.place.remove(name)

    @contextmanager
    def warned(self, what: str) -> Iterator[None]:
        """Make a warning of a failure to delete: training, or its adapter, is worth more."""
        try:
            yield
        except Exception as error:  # as in `save`
            where = self.place.location
            print(f"warning: {what} in {where} not deleted: {error}", file=sys.stderr, flush=True)

    def checked(self, name: str) -> Path:
        """A local folder with it. Raises InputError where it is not whole, or another run's."""
        folder = self.place.fetch(name)
        if not (folder / CARD).is_file():
            raise InputError("it is half-written")
        card = CheckpointCard.read(folder / CARD)
        if card.key != self.key:
            raise InputError("it is of another run")
        for file, digest in card.files.items():
            path = folder / Path(file).name
            if not path.is_file() or digest_file(path) != digest:
                raise InputError(f"{file} is damaged")
        return folder

    def not_written(self, step: int, error: Exception) -> str:
        cause = getattr(error, "strerror", None) or error
        kept = "there is none yet" if self.newest is None else f"that of step {self.newest} is kept"
        return (
            f"warning: the checkpoint of step {step} is not written, and {kept}: {cause}. Training "
            f"goes on; make room in {self.place.location}, or set training.limits.checkpoints to "
            "another place"
        )


PREFIX = "step-"


def name_of(step: int) -> str:
    return f"{PREFIX}{step:08d}"


# --- checkpoint store -----------------------------------------------------------------------------

CARD = "checkpoint.json"  # names all other files; it is written last and deleted first
FIELD = "training.limits.checkpoints"


class CheckpointStore:
    """The checkpoints of one run by their names: folders of files, and none without its card.

    It lies below a folder, or a URL such as s3://bucket/folder. Raises InputError for neither.
    """

    def __init__(self, location: str, run: str) -> None:
        root = local_path(location)
        place = root.expanduser() / run if root else f"{location.rstrip('/')}/{run}"
        self.files = FileStore(place, field=FIELD)
        self.location = self.files.location
        self.copy: TemporaryDirectory[str] | None = None  # of what was fetched

    def names(self) -> list[str]:
        with self.files.errors(f"the checkpoints in {self.location} cannot be listed"):
            return list(self.files.entries())

    @contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        """An empty folder, which becomes the checkpoint when the block ends without an error."""
        with self.files.drafts() as folder:
            yield Path(folder)
            names = {path: f"{name}/{path.name}" for path in Path(folder).iterdir()}
            card = {Path(folder, CARD): names.pop(Path(folder, CARD))}
            try:
                self.remove(name)  # a damaged one of this step
                self.files.adopt(names)
                self.files.adopt(card)
            except BaseException:
                with suppress(Exception):  # the first error is the one to tell
                    self.remove(name)
                raise

    def fetch(self, name: str) -> Path:
        """A local folder with its files, until another is fetched or `drop_copy` is called."""
        if self.files.folder:
            return self.files.folder / name
        self.drop_copy()
        self.copy = TemporaryDirectory(prefix="checkpoint-", ignore_cleanup_errors=True)
        for file in self.files.entries(name):
            self.files.get(f"{name}/{file}", Path(self.copy.name, file))
        return Path(self.copy.name)

    def drop_copy(self) -> None:
        """Delete the local copy of what was fetched, if one was made."""
        if self.copy:
            self.copy.cleanup()
            self.copy = None

    def remove(self, name: str) -> None:
        self.files.delete(f"{name}/{CARD}")
        self.files.delete_folder(name)

    def close(self) -> None:
        """Leave nothing of the run, also of what a killed writer left, once its checkpoints are
        removed.
        """
        with suppress(Exception):  # training, or its adapter, is worth more
            self.files.delete_folder()


# --- keep best ------------------------------------------------------------------------------------

LOSS = "eval_loss"


class KeepBest(TrainerCallback):
    """Ends training after so many measurements without a lower loss; the weights of the best one
    are kept in memory. Needs an `eval_strategy`.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.lowest: float | None = None
        self.best: dict[str, torch.Tensor] = {}  # by the names of the trained weights
        self.step = 0  # at which they were these
        self.worse = 0  # measurements since then

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, float], **kwargs: Any
    ) -> None:
        if not state.global_step or LOSS not in metrics:  # measured before training
            return
        if self.lowest is None or metrics[LOSS] < self.lowest:
            self.lowest, self.step, self.worse = metrics[LOSS], state.global_step, 0
            self.best = {name: w.detach().clone() for name, w in trained(kwargs["model"])}
            return
        self.worse += 1
        if self.worse >= self.patience:
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        with torch.no_grad():
            for name, weight in trained(kwargs["model"]):
                if name in self.best:
                    weight.copy_(self.best[name])

    def remembered(self) -> dict[str, Any]:
        return {"lowest": self.lowest, "best": self.best, "step": self.step, "worse": self.worse}

    def remember(self, state: Mapping[str, Any]) -> None:
        self.lowest, self.best = state["lowest"], dict(state["best"])
        self.step, self.worse = state["step"], state["worse"]


def trained(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


# --- broken loss ----------------------------------------------------------------------------------

NO_NUMBER = "try a lower learning_rate or a longer warmup_share first, then base.precision: float32"
NOTHING = (
    "no token of these rows is learnt: `incumbent data preview` shows which tokens the loss is on"
)


class StopOnBrokenLoss(TrainerCallback):
    """Looks at every log of the trainer, whose `logging_nan_inf_filter` must be off.

    Raises IncumbentError where loss or gradient is NaN or infinite, and where it is 0 from the
    beginning.
    """

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any
    ) -> None:
        where = f"at step {state.global_step} of {state.max_steps}"
        for name, what in (("loss", "loss"), ("grad_norm", "gradient"), ("eval_loss", "dev loss")):
            value = logs.get(name)
            if value is not None and not isfinite(float(value)):
                skipped = name == "grad_norm" and args.fp16
                if not skipped:  # there the scaler skips the step, and tries a smaller scale
                    raise IncumbentError(f"the {what} is {float(value)} {where}: {NO_NUMBER}")
        # Where there was a loss before, all is learnt by now. That of `grpo` is 0 where no group of
        # answers has spread.
        rewarded = "reward" in logs
        if (
            logs.get("loss") == 0.0
            and not rewarded
            and not any(past.get("loss") for past in state.log_history)
        ):
            raise IncumbentError(f"the loss is 0 {where}: {NOTHING}")
