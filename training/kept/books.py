"""The books of training: what each step took, all its interruptions counted.

They lie in `.incumbent/training/`, by the digest of the step's recipe: a stage's own outputs are
the same whoever made them and whenever.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from project.files import home
from project.gpu import card_here
from project.records.record import LATER, Digest, Record
from training.recipe import STEPS, Recipe, StepName

GIB = 2**30
JOULES_A_WATT_HOUR = 3600
NEWEST = 5  # steps by which the next one is reckoned
MOST_TIMES = 10.0  # beyond which a step tells nothing of the next one


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
        minutes = f"{self.minutes:.1f} min" if self.seconds >= 60 else f"{self.seconds:.0f} s"
        money = f", {self.money:.2f} in money" if self.price or self.money else ""
        return (
            f"{self.step}: {self.tokens:,} tokens in {self.optimizer_steps:,} steps, "
            f"{minutes}{speed}, {self.processor_seconds:,.0f} processor-seconds, "
            f"{self.peak_bytes / GIB:.1f} GiB at the peak, {self.energy}"
            f"{money}{self.interruptions}"
        )

    @property
    def energy(self) -> str:
        """The energy in words, with its source."""
        if self.energy_source == UNKNOWN:
            return f"energy {UNKNOWN}"
        return f"about {self.watt_hours:.2g} Wh ({self.energy_source})"

    @property
    def measured(self) -> bool:
        """Whether a counter or a sensor told the energy, and no rule."""
        return self.energy_source in (BY_PROCESSOR, BY_GPU)

    @property
    def interruptions(self) -> str:
        """The interruptions in words; nothing where there was none."""
        if self.processes == 1:
            return ""
        times = self.processes - 1
        stops = f"interrupted {times} time{'s' if times > 1 else ''}, {self.resumed} resumed"
        lost = f", {self.lost_steps} steps taken again" if self.lost_steps else ""
        return f"; {stops}{lost}"


def book_of(recipe: Digest) -> Path:
    return home() / "training" / f"{recipe}.json"


def read_book(recipe: Digest) -> TrainingBook | None:
    """None: that step was not trained here. Raises InputError for a damaged file."""
    path = book_of(recipe)
    return TrainingBook.read(path) if path.is_file() else None


def write_book(book: TrainingBook) -> None:
    book.write(book_of(book.recipe))


def off_by() -> float:
    """How many times as long as was reckoned the newest steps took here, those aside that were
    interrupted: all of them together. 1 where none was trained.
    """
    paths = sorted((home() / "training").glob("*.json"), key=lambda p: p.stat().st_mtime)
    books = [TrainingBook.read(path) for path in reversed(paths)]
    known = [b for b in books if b.finished and b.processes == 1 and b.estimated_seconds][:NEWEST]
    reckoned = sum(book.estimated_seconds or 0.0 for book in known)
    times = sum(book.seconds for book in known) / reckoned if reckoned else 1.0
    return min(max(times, 1 / MOST_TIMES), MOST_TIMES)


def recipes_of(recipe: Recipe) -> Iterator[Recipe]:
    """The recipe of each step that made an adapter, in order: each is the whole one, cut
    off there.
    """
    for name in recipe.taken:
        later = STEPS[STEPS.index(name) + 1 :]
        yield recipe.model_copy(update=dict.fromkeys(later))


def books_of(recipe: Digest) -> tuple[TrainingBook, ...]:
    """The books of all steps that made an adapter, in order, as far as they were trained here."""
    last = read_book(recipe)
    books = (read_book(earlier) for earlier in (last.earlier if last else ()))
    return (*(book for book in books if book), *([last] if last else ()))


# --- energy ---------------------------------------------------------------------------------------

# How much energy training takes: measured where the machine tells, else estimated by a rule.
#
# Whatever the source, it is an estimate: counters of a processor count what other programs take
# too, and nothing counts memory, disks and cooling.

POWERCAP = Path("/sys/class/powercap")  # Linux: Intel's RAPL, and AMD's
PACKAGES = "intel-rapl:[0-9]*"  # each with its cores and, as a folder further down, its parts
# A busy core of a cloud machine, in watts: the average of AWS's at full load by Cloud Carbon
# Footprint, https://www.cloudcarbonfootprint.org/docs/methodology (their vCPU, of SPECpower).
WATTS_A_CORE = 3.5
SECONDS_APART = 10.0  # readings of a GPU's power
UNKNOWN = "unknown: nvidia-smi did not answer"
BY_PROCESSOR, BY_GPU = "RAPL, of all that the processor did", "nvidia-smi's power, the GPU alone"


@dataclass(frozen=True)
class Energy:
    joules: float
    source: str


class EnergyMeter:
    """Counts from when it is made."""

    def __init__(
        self,
        gpu: str | None = None,
        powercap: Path = POWERCAP,
        clock: Callable[[], float] = time.monotonic,
        processor_clock: Callable[[], float] = time.process_time,
        gpu_watts: "Callable[[str], float | None]" = lambda gpu: gpu_watts(gpu),
    ) -> None:
        """`gpu` as nvidia-smi names it."""
        self.gpu = gpu
        self.clock, self.processor_clock = clock, processor_clock
        self.gpu_watts = gpu_watts
        self.counters = Counters(powercap)
        self.began, self.worked = clock(), processor_clock()
        self.asked = self.read = self.began  # a GPU's power; `read` where it was told
        self.gpu_joules: float | None = None  # until it is told once

    def tick(self) -> None:
        """Read what has no counter of its own: a GPU's power, every few seconds."""
        self.counters.tick()
        if self.gpu and self.clock() - self.asked >= SECONDS_APART:
            self.read_gpu(self.gpu)

    def read_gpu(self, gpu: str) -> None:
        """Count what it draws now for all the time since it was read."""
        self.asked = self.clock()
        watts = self.gpu_watts(gpu)
        if watts is not None:
            self.gpu_joules = (self.gpu_joules or 0.0) + watts * (self.asked - self.read)
            self.read = self.asked

    def taken(self) -> Energy:
        self.counters.tick()
        if self.gpu:
            self.read_gpu(self.gpu)  # also in a run of a few seconds
            if self.gpu_joules is None:
                return Energy(0.0, UNKNOWN)
            return Energy(self.gpu_joules, BY_GPU)
        if self.counters.readable:
            return Energy(self.counters.joules, BY_PROCESSOR)
        worked = self.processor_clock() - self.worked
        return Energy(worked * WATTS_A_CORE, f"{WATTS_A_CORE} W a busy core")


class Counters:
    """RAPL's counters of energy, one a processor, which begin anew at a number of theirs."""

    def __init__(self, powercap: Path) -> None:
        self.ends = {}
        for package in sorted(powercap.glob(PACKAGES)):
            if package.name.count(":") == 1 and (
                most := number_in(package / "max_energy_range_uj")
            ):
                self.ends[package / "energy_uj"] = most
        self.last = self.values()
        self.readable = bool(self.last)
        self.joules = 0.0

    def values(self) -> dict[Path, int]:
        """Microjoules; root alone may read them on many machines."""
        readings = {file: number_in(file) for file in self.ends}
        return {file: value for file, value in readings.items() if value is not None}

    def tick(self) -> None:
        now = self.values()
        for file, value in now.items():
            moved = value - self.last.get(file, value)
            self.joules += (moved if moved >= 0 else moved + self.ends[file]) / 1e6
        self.last = now


def number_in(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def gpu_watts(gpu: str) -> float | None:
    """What a GPU draws now, by its driver; None where that does not say."""
    query = ["nvidia-smi", "-i", gpu, "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
        return float(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def gpu_here() -> str | None:
    """The GPU that torch computes on, as nvidia-smi names it; None: none of NVIDIA's."""
    # Imported here because the meter itself needs no torch.
    import torch

    card = card_here(torch)
    if card is None or card.amd:
        return None
    return f"GPU-{torch.cuda.get_device_properties(card.index).uuid}"
