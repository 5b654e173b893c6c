"""The processor under us: its kind, and how torch's threads and memory are to use it.

Chosen once, before torch is imported, for training, answers, reward and embedding alike. What was
measured is in docs/precision.md. A user's own environment variables win.
"""

import ctypes
import os
import platform
import re
from pathlib import Path
from statistics import median
from time import sleep

# Variables by which a machine passes for one with an older processor.
CAPS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
OURS = "INCUMBENT_CHOSE"  # names the variables that a parent process of ours chose
SPINS = "3000"  # some 0.1 ms: longer costs much on a busy machine and brings nothing on a free one
READINGS = 5  # of how many threads run now: a single one may meet a burst
APART = 0.002  # seconds between two of them
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as <malloc.h> has them
KEPT_BYTES = 1 << 30


def settle_processor() -> None:
    """Choose how many threads compute, how they wait for each other, and what memory is kept."""
    ours = os.environ.get(OURS, "").split()
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    chosen = threads(environment) | waiting(environment)
    for name in ours:
        os.environ.pop(name, None)
    os.environ.update(chosen)
    os.environ[OURS] = " ".join(chosen)
    keep_memory()


def threads(environment: dict[str, str]) -> dict[str, str]:
    """As many as there are cores, busy or free: sums over many numbers depend on their count."""
    return {} if "OMP_NUM_THREADS" in environment else {"OMP_NUM_THREADS": str(cores())}


def waiting(environment: dict[str, str]) -> dict[str, str]:
    """Spin for a moment where the cores are free, sleep at once where others want them.

    Asleep, threads cost a free machine half of its speed; spinning, they take a busy one's.
    """
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & environment.keys():
        return {}
    return {"GOMP_SPINCOUNT": SPINS} if cores_are_free() else {"OMP_WAIT_POLICY": "PASSIVE"}


def cores() -> int:
    """The cores that this process may use: its affinity, and its container's share."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(mine, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or no limit: "max"
        return mine


def cores_are_free() -> bool:
    """Whether hardly anybody else computes now; true where the system does not tell."""
    try:
        others = median(running() for _ in range(READINGS)) - 1
    except OSError:
        return True
    return others < max(1, 0.25 * cores())


def running() -> int:
    """How many threads of the machine run or could run now, ours included."""
    sleep(APART)
    found = re.search(r"^procs_running (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    return int(found[1]) if found else 1


def told() -> str:
    """What was chosen, and why."""
    number, chosen = os.environ["OMP_NUM_THREADS"], os.environ[OURS]
    why = {
        "GOMP_SPINCOUNT": "the cores are free, so they wait awake",
        "OMP_WAIT_POLICY": "other programs compute too, so they wait asleep",
    }
    reasons = [reason for name, reason in why.items() if name in chosen]
    return f"{number}; {reasons[0] if reasons else 'your environment says how they wait'}"


def keep_memory() -> None:
    """Let glibc keep what was freed: else each training step maps and zeroes its tensors anew."""
    named = {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "LD_PRELOAD"}
    if platform.libc_ver()[0] == "glibc" and not named & os.environ.keys():
        libc = ctypes.CDLL(None)
        for parameter in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            libc.mallopt(parameter, KEPT_BYTES)


def kind() -> str:
    """What decides a processor's rounding: its maker and its vector instructions."""
    maker, flags = maker_and_flags()
    return " ".join(filter(None, (maker, platform.machine(), vectors(flags))))


def maker_and_flags() -> tuple[str, set[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.system(), set()
    fields = dict(re.findall(r"^(vendor_id|flags|Features)\s*: (.*)$", text, re.MULTILINE))
    maker = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}.get(fields.get("vendor_id", ""), "")
    return maker, set((fields.get("flags") or fields.get("Features") or "").split())


def vectors(flags: set[str]) -> str:
    """The widest vector instructions that torch uses, by the name that people know."""
    levels = {
        "avx2": ("avx2", "AVX2"),
        "avx512": ("avx512f", "AVX512"),
        "bf16": ("avx512_bf16", "AVX512-BF16"),
        "amx": ("amx_bf16", "AMX"),
    }
    capped = "".join(os.environ.get(name, "") for name in CAPS).lower()
    usable = list(levels) if not capped else ["avx2"] if "512" not in capped else list(levels)[:2]
    found = [name for level, (flag, name) in levels.items() if level in usable and flag in flags]
    return found[-1] if found else ""
