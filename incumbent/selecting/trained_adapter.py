"""An adapter trained aside, by the project's recipe: not in outputs/, and no version of it."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from traceback import clear_frames

from evaluation.generation.answers import versions
from incumbent.selecting.sft_settings import SftSettings
from project.bare_base import bare_base
from project.canonical import digest_bytes, digest_folder, digest_json
from project.errors import IncumbentError, InputError
from project.files import home, staged_folder
from project.paths import NUMERICS, rows_of, step_of
from project.records.adapters import Contestant, Numerics
from project.records.data import Row, Split
from project.settings import load
from training.start_record import START_FILE
from training.steps.earlier import Earlier, newest_before
from training.training_settings import AdapterParams, DomainParams


@dataclass(frozen=True)
class Aside:
    """What adapters that are trained aside stand on."""

    base: Contestant  # without an adapter
    numerics: Numerics
    earlier: Earlier  # the adapter that they go on from


def ground_aside(*, from_champion: bool) -> Aside:
    """As the project has it: on what step `domain` left, if anything.

    `from_champion`: also on the champion's adapter, where training starts from it. What is to tell
    how much rows teach must not start with an adapter that has learnt them.
    """
    earlier = earlier_here()
    if earlier.start and not from_champion:
        earlier = Earlier()
    return Aside(bare_base(), Numerics.read(NUMERICS), earlier)


def earlier_here() -> Earlier:
    """Raises InputError where the pipeline has not made yet what training goes on from."""
    starts = load(AdapterParams).start == "champion" or load(DomainParams).epochs
    there = START_FILE.exists() and (step_of("domain") / "step.json").exists()
    if starts and not there:
        raise InputError(
            "training goes on from an adapter that is not there: run `dvc repro domain` first",
            file=step_of("domain") / "step.json",
        )
    return newest_before("sft") if there else Earlier()


def train_aside(rows: Sequence[Row], aside: Aside, settings: SftSettings) -> Path:
    """The folder of an adapter that learnt all these rows, under the base's system prompt; one that
    is there is not made again.
    """
    settings = as_needed(settings)
    folder = adapter_folder(rows, aside, settings)
    if not folder.exists():
        with staged_folder(folder) as draft:
            train(rows, aside, settings, draft)
    return folder


def as_needed(settings: SftSettings) -> SftSettings:
    """Without a limit of rows, and without measurements on dev that nothing hangs on."""
    settings = settings.on_all_rows()
    if settings.sft.patience is not None:
        return settings
    return SftSettings(settings.adapter, settings.sft.model_copy(update={"evaluations": 0}))


def adapter_folder(rows: Sequence[Row], aside: Aside, settings: SftSettings) -> Path:
    earlier = aside.earlier.folder
    key = digest_json(
        [
            aside.base.digest,
            aside.numerics.digest,
            settings.adapter.digest,
            settings.sft.digest,
            earlier and digest_folder(earlier),
            digest_bytes(b"\n".join(row.canonical() for row in rows)),
            versions(),
        ]
    )
    return home() / "selection" / "adapters" / key[:32]


def train(rows: Sequence[Row], aside: Aside, settings: SftSettings, folder: Path) -> None:
    """Raises IncumbentError where training fails, or the GPU has no memory for it."""
    # Imported here because it takes seconds, and whoever finds the adapter trained need not wait.
    from training.steps.run_step import Ground
    from training.steps.sft_step import train_sft

    ground = Ground(aside.base, aside.numerics, settings.adapter, aside.earlier)
    dev = Row.read_lines(rows_of(Split.DEV)) if settings.sft.evaluations else ()
    try:
        with full_gpu_told():
            train_sft(rows, dev, ground, settings.sft, folder)
    finally:
        gc.collect()  # a trainer is full of circles, and the next one wants its memory


@contextmanager
def full_gpu_told() -> Iterator[None]:
    """Raise IncumbentError where a GPU's memory is full: with other settings it may not be."""
    import torch  # as above

    try:
        yield
    except torch.OutOfMemoryError as error:
        clear_frames(error.__traceback__)  # they hold the model and the trainer
        first = str(error).partition("\n")[0]
        raise IncumbentError(f"the GPU has no memory for it: {first}") from None
