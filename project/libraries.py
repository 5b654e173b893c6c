"""How the libraries below us are to behave: quiet, offline, sending nothing home, and fast."""

import atexit
import ctypes
import gc
import logging
import os
import platform
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from getpass import getuser
from importlib import import_module
from pathlib import Path
from statistics import median
from time import sleep
from types import ModuleType
from typing import Any

from project.files import home

# Read by the libraries when they are imported. A user's own setting wins.
SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    # On a GPU: cuBLAS and flash-attn are to compute the same again, where torch is asked for that.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "FLASH_ATTENTION_DETERMINISTIC": "1",
    "TQDM_DISABLE": "1",  # bars of others, such as "Loading weights"; project.progress draws ours
}
# Folders that the libraries write to, below a home of which they take for granted that it can be
# written to: a service's home is hidden from it, and a container may run under any user id.
CACHES = {
    "HF_MODULES_CACHE": "modules",
    "HF_DATASETS_CACHE": "datasets",
    "HF_EVALUATE_CACHE": "evaluate",
    "HF_METRICS_CACHE": "metrics",
    "MPLCONFIGDIR": "matplotlib",
    "NUMBA_CACHE_DIR": "numba",
}
CACHE, DVC_SITE_CACHE = "~/.cache", "/var/tmp/dvc"  # by default
CHOSEN_BY_USER = frozenset(SETTINGS.keys() & os.environ.keys())


@cache
def settle() -> None:
    """Settle everything, before the first heavy import; packages call it in their __init__."""
    for name, value in (SETTINGS | caches()).items():
        os.environ.setdefault(name, value)
    settle_processor()
    settle_garbage()
    # Logged at every import on CPUs with AVX512-BF16: that a kernel could not be downloaded.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")


def caches() -> dict[str, str]:
    """Places in the project, where those that libraries take cannot be written to; else nothing.

    Not the Hub's cache: models that somebody laid there can still be read.
    """
    folder = (home() / "cache").absolute()
    variables: dict[str, str] = {}
    if not can_hold_files(os.environ.get("HF_HOME") or os.environ.get("XDG_CACHE_HOME") or CACHE):
        variables |= {name: str(folder / below) for name, below in CACHES.items()}
    if not can_hold_files(DVC_SITE_CACHE):
        variables["DVC_SITE_CACHE_DIR"] = str(folder / "dvc")
    if not is_answered(lambda: Path("~").expanduser()):  # DVC and git look for settings in one
        variables["HOME"] = str(folder / "home")
    if not is_answered(getuser):  # DVC asks for it
        variables["USER"] = str(os.getuid())
    return variables


def is_answered(ask: Callable[[], object]) -> bool:
    """Whether there is an answer about the user: a bare user id has no name and no home."""
    try:
        ask()
    except (KeyError, OSError, RuntimeError):
        return False
    return True


def can_hold_files(folder: str) -> bool:
    """Whether files can be made there, as far as that can be told without making any."""
    try:
        place = Path(folder).expanduser().absolute()
    except RuntimeError:  # a user id without a name has no home
        return False
    there = next(path for path in (place, *place.parents) if os.path.lexists(path))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def users_environment() -> dict[str, str]:
    """The variables as the user has them: what is settled here is for this process alone."""
    settled = SETTINGS.keys() - CHOSEN_BY_USER
    return {name: value for name, value in os.environ.items() if name not in settled}


def mix_precision(precision: str) -> dict[str, bool]:
    """What a trainer's configuration says about a precision: arguments for it.

    Accelerate's own variable is set too: else it puts autocast into a float32 run.
    """
    names = {"bfloat16": "bf16", "float16": "fp16", "float32": "no"}
    os.environ["ACCELERATE_MIXED_PRECISION"] = names[precision]
    return {"bf16": precision == "bfloat16", "fp16": precision == "float16"}


def show_library_bars() -> None:
    """Let libraries draw their bars, unless the user forbade it; before tqdm is imported."""
    if "TQDM_DISABLE" not in CHOSEN_BY_USER:
        os.environ.pop("TQDM_DISABLE", None)


def allow_downloads() -> None:
    """Let the Hub be asked, unless the user forbade it."""
    if "HF_HUB_OFFLINE" not in CHOSEN_BY_USER:
        os.environ.pop("HF_HUB_OFFLINE", None)
        if library := sys.modules.get("huggingface_hub.constants"):  # which has read it before
            vars(library).update(HF_HUB_OFFLINE=False)


def settle_garbage() -> None:
    """Look for garbage less often, and not at all at the end of a process.

    Libraries make a million objects while they are imported. To look through them as often as
    Python does by itself, and once more when it takes them apart, is a third of such a process.
    """
    gc.set_threshold(20_000, 10, 10)
    atexit.register(leave_garbage)


def leave_garbage() -> None:
    """For a process that ends; but Triton complains of all that is left of it."""
    if "triton" not in sys.modules:
        gc.freeze()


# --- processor ------------------------------------------------------------------------------------

# The processor: its kind, and the threads and memory that torch gets.
#
# Settled once, before torch is imported, for training, answers, reward and embedding alike. What
# was measured is in docs/how-to/hardware.md. A user's own environment variables win.

# Variables by which a machine passes for one with an older processor.
CAPS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
# Vector instructions that decide how numbers are rounded, each wider than those before.
INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "avx512_bf16": "AVX512-BF16",
    "amx_bf16": "AMX",
    "asimd": "NEON",
    "sve": "SVE",
    "sve2": "SVE2",
}
MAKERS = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}

CHOICES = "INCUMBENT_CHOSE"  # holds what a parent process of ours chose: name=value, with spaces
SPINS = "3000"  # some 0.1 ms: longer costs much on a busy machine and brings nothing on a free one
READINGS, SECONDS_APART = 5, 0.002  # of how many threads run: a single one may meet a burst
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as <malloc.h> has them
KEPT_BYTES = (1 << 30, 32 << 20)  # older versions of glibc refuse the first
MALLOC_VARIABLES = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")  # a user's own choice begins so
CGROUP = Path("/sys/fs/cgroup")


def settle_processor() -> None:
    """Choose how many threads compute, how they wait for each other, and what memory is kept."""
    for choice in os.environ.pop(CHOICES, "").split():
        name, _, value = choice.partition("=")
        if os.environ.get(name) == value:  # still our parent's, not a user's
            del os.environ[name]
    chosen = choose_threads() | choose_waiting()
    os.environ.update(chosen)
    os.environ[CHOICES] = " ".join(f"{name}={value}" for name, value in chosen.items())
    keep_memory()


def choose_threads() -> dict[str, str]:
    """Choose as many threads as there are cores, busy or free: sums over many numbers depend on
    their count.
    """
    return {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(cores())}


def threads() -> int:
    """How many compute, here or as this environment says."""
    threads_set = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(threads_set) if threads_set.isdecimal() and int(threads_set) else cores()


def choose_waiting() -> dict[str, str]:
    """Spin for a moment where the cores are free, sleep at once where others want them.

    Asleep, threads cost a free machine a third of its speed; spinning, they take a busy one's.
    """
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        return {}
    return {"GOMP_SPINCOUNT": SPINS} if cores_are_free() else {"OMP_WAIT_POLICY": "PASSIVE"}


def describe_threads() -> str:
    """What was chosen, and why."""
    chosen = os.environ.get(CHOICES, "")
    if "GOMP_SPINCOUNT" in chosen:
        how = "idle ones spin for a moment, since no other program wants the cores"
    elif "OMP_WAIT_POLICY" in chosen:
        how = "idle ones sleep at once, since other programs want the cores"
    else:
        how = "how idle ones wait is set in your environment"
    return f"{os.environ.get('OMP_NUM_THREADS')}; {how}"


def cores() -> int:
    """The cores that this process may use: its affinity, and its container's share."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = container_limit("cpu.max", "cpu/cpu.cfs_quota_us")
    return mine if share is None else max(1, min(mine, round(share / period())))


def memory() -> int:
    """Bytes that this process may use, whoever uses them now: the machine's, or its container's."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(whole, container_limit("memory.max", "memory/memory.limit_in_bytes") or whole)


def container_limit(*files: str) -> int | None:
    """The first number in the first file of a control group that there is; None: no limit."""
    for file in files:
        try:
            value = int((CGROUP / file).read_text().split()[0])
        except (OSError, ValueError, IndexError):  # no such file, or "max"
            continue
        return value if value > 0 else None
    return None


def period() -> int:
    """Microseconds of which a container's share is a part."""
    try:
        return int((CGROUP / "cpu.max").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return container_limit("cpu/cpu.cfs_period_us") or 100_000


def cores_are_free() -> bool:
    """Whether the cores that we may use are hardly wanted now; true where nothing tells."""
    try:
        others = median(count_running() for _ in range(READINGS)) - 1
    except OSError:
        return True
    return others < max(1, 0.25 * cores(), (os.cpu_count() or 1) - cores())


def count_running() -> int:
    """How many threads of the machine run or could run, ours included, a moment later."""
    sleep(SECONDS_APART)
    match = re.search(r"^procs_running (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    return int(match[1]) if match else 1


def keep_memory() -> None:
    """Let glibc keep what was freed: else each training step maps and zeroes its tensors anew."""
    if platform.libc_ver()[0] != "glibc" or any(v.startswith(MALLOC_VARIABLES) for v in os.environ):
        return
    mallopt = ctypes.CDLL(None).mallopt
    if any(mallopt(M_MMAP_THRESHOLD, bytes_kept) for bytes_kept in KEPT_BYTES):
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES[0])


def processor_kind() -> str:
    """What decides a processor's rounding: its maker, its vector instructions, and their caps."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    caps = [f"{name}={os.environ[name]}" for name in CAPS if name in os.environ]
    return ", ".join([*filter(None, [described(text)]), *caps])


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for it, and no variable that takes them away."""
    return processor_kind().endswith((INSTRUCTIONS["avx512_bf16"], INSTRUCTIONS["amx_bf16"]))


def described(cpuinfo: str) -> str:
    """A processor in a few words, from what Linux tells of it."""
    fields = dict(re.findall(r"^(vendor_id|flags|Features)\s*: (.*)$", cpuinfo, re.MULTILINE))
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    widest = [name for flag, name in INSTRUCTIONS.items() if flag in flags][-1:]
    maker = MAKERS.get(fields.get("vendor_id", ""), "" if cpuinfo else platform.system())
    return " ".join(filter(None, [maker, platform.machine(), *widest]))


# --- imports that wait ----------------------------------------------------------------------------

# What a library imports at once, and needs for few of the things that it can do.


class LateModule(ModuleType):
    """Stands for a module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of every module, by whoever looks through them
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def imported_late(*names: str, absent: str) -> Iterator[None]:
    """What is imported inside gets these modules late, and goes without the `absent` one, as if it
    was not installed. Those that are there already are taken as they are.
    """
    modules: dict[str, Any] = sys.modules  # None stands for a module that cannot be imported
    made = {name: LateModule(name) for name in names if name not in modules}
    gone = {absent: None} if absent not in modules else {}
    modules |= made | gone
    try:
        yield
    finally:
        for name, module in (made | gone).items():
            if modules.get(name, module) is module:
                modules.pop(name, None)
