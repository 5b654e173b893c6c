"""The books of training: what each step took, all its interruptions counted.

They lie in `.incumbent/training/`, by the digest of the step's recipe: a stage's own outputs are
the same whoever made them and whenever.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from project.files import home
from project.records.record import LATER, Digest, Record
from training.kept.energy import UNKNOWN
from training.recipe import STEPS, Recipe, StepName

GIB = 2**30
JOULES_A_WATT_HOUR = 3600


class TrainingBook(Record):
    """What a step took until now, over all processes that worked on it."""

    step: StepName
    recipe: Digest
    earlier: tuple[Digest, ...] = ()  # the recipes of the steps before it, in order
    finished: bool = False
    processes: PositiveInt = 1  # that began, or went on
    resumed: NonNegativeInt = 0  # of these, from a checkpoint
    tokens: NonNegativeInt = 0  # learnt from, padding left out; those learnt twice, once
    optimizer_steps: NonNegativeInt = 0
    seconds: NonNegativeFloat = 0.0  # of the clock on the wall, from the estimate to the end
    training_seconds: NonNegativeFloat = 0.0  # of these, in the loop that trains
    processor_seconds: NonNegativeFloat = 0.0
    peak_bytes: NonNegativeInt = 0  # of the processor's memory, or of the GPU's
    device: str = ""
    joules: NonNegativeFloat = 0.0  # an estimate
    energy_source: str = ""
    price: NonNegativeFloat = 0.0  # of an hour; a later process may have had another
    money: NonNegativeFloat = 0.0
    lost_steps: NonNegativeInt = 0  # that an interruption cost: they were taken again
    estimated_seconds: Annotated[float | None, LATER] = None  # before it began

    @property
    def minutes(self) -> float:
        return self.seconds / 60

    @property
    def tokens_per_second(self) -> float | None:
        return self.tokens / self.training_seconds if self.training_seconds else None

    @property
    def watt_hours(self) -> float:
        return self.joules / JOULES_A_WATT_HOUR

    def __str__(self) -> str:
        speed = f", {self.tokens_per_second:,.0f} tokens/s" if self.tokens_per_second else ""
        money = f", {self.money:.2f} in money" if self.price or self.money else ""
        return (
            f"{self.step}: {self.tokens:,} tokens in {self.optimizer_steps:,} steps, "
            f"{duration(self.seconds)}{speed}, {self.processor_seconds:,.0f} processor-seconds, "
            f"{self.peak_bytes / GIB:.1f} GiB at the peak, {self.energy}"
            f"{money}{self.interruptions}"
        )

    @property
    def energy(self) -> str:
        """In words, with its source."""
        if self.energy_source == UNKNOWN:
            return f"energy {UNKNOWN}"
        return f"about {self.watt_hours:.2g} Wh ({self.energy_source})"

    @property
    def interruptions(self) -> str:
        """In words; nothing where there was none."""
        if self.processes == 1:
            return ""
        times = self.processes - 1
        said = f"interrupted {times} time{'s' if times > 1 else ''}, {self.resumed} resumed"
        lost = f", {self.lost_steps} steps taken again" if self.lost_steps else ""
        return f"; {said}{lost}"


def duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def book_of(recipe: Digest) -> Path:
    return home() / "training" / f"{recipe}.json"


def read_book(recipe: Digest) -> TrainingBook | None:
    """None: that step was not trained here. Raises InputError for a damaged file."""
    path = book_of(recipe)
    return TrainingBook.read(path) if path.is_file() else None


def write_book(book: TrainingBook) -> None:
    book.write(book_of(book.recipe))


def recipes_of(recipe: Recipe) -> Iterator[Recipe]:
    """That of each step which made an adapter, in order: each is the whole one, cut off there."""
    for name in recipe.taken:
        later = STEPS[STEPS.index(name) + 1 :]
        yield recipe.model_copy(update=dict.fromkeys(later))


def books_of(recipe: Digest) -> tuple[TrainingBook, ...]:
    """Of all steps that made an adapter, in order, as far as they were trained here."""
    last = read_book(recipe)
    found = (read_book(one) for one in (last.earlier if last else ()))
    return (*(book for book in found if book), *([last] if last else ()))
