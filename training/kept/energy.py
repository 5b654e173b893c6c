"""How much energy training takes: measured where the machine tells, else estimated by a rule.

Whatever the source, it is an estimate: counters of a processor count what other programs take too,
and nothing counts memory, disks and cooling.
"""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from project.gpu import card_here

POWERCAP = Path("/sys/class/powercap")  # Linux: Intel's RAPL, and AMD's
PACKAGES = "intel-rapl:[0-9]*"  # each with its cores and, as a folder further down, its parts
# A busy core of a cloud machine, in watts: the average of AWS's at full load by Cloud Carbon
# Footprint, https://www.cloudcarbonfootprint.org/docs/methodology (their vCPU, of SPECpower).
WATTS_A_CORE = 3.5
SECONDS_APART = 10.0  # readings of a GPU's power
UNKNOWN = "unknown: nvidia-smi did not answer"


@dataclass(frozen=True)
class Energy:
    joules: float
    source: str


class EnergyMeter:
    """Counts from when it is made."""

    def __init__(
        self,
        watts: float | None = None,
        gpu: str | None = None,
        powercap: Path = POWERCAP,
        clock: Callable[[], float] = time.monotonic,
        processor_clock: Callable[[], float] = time.process_time,
        gpu_watts: "Callable[[str], float | None]" = lambda gpu: gpu_watts(gpu),
    ) -> None:
        """`watts` of the whole machine, where they are known; `gpu` as nvidia-smi names it."""
        self.watts, self.gpu = watts, gpu
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
        if self.watts is not None:
            joules = self.watts * (self.clock() - self.began)
            return Energy(joules, f"training.limits.watts, {self.watts:g} W")
        if self.gpu:
            self.read_gpu(self.gpu)  # also in a run of a few seconds
            if self.gpu_joules is None:
                return Energy(0.0, UNKNOWN)
            return Energy(self.gpu_joules, "nvidia-smi's power, the GPU alone")
        if self.counters.readable:
            return Energy(self.counters.joules, "RAPL, of all that the processor did")
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
        found = {file: number_in(file) for file in self.ends}
        return {file: value for file, value in found.items() if value is not None}

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
