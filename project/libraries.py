"""How the libraries below us are to behave: quiet, offline, sending nothing home, and fast."""

import logging
import os
import warnings
from collections.abc import Callable
from functools import cache
from getpass import getuser
from pathlib import Path

from project.files import home
from project.processor import settle_processor

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
    # Logged at every import on CPUs with AVX512-BF16: that a kernel could not be downloaded.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")


def caches() -> dict[str, str]:
    """Places in the project, where those that libraries take cannot be written to; else nothing.

    Not the Hub's cache: models that somebody laid there can still be read.
    """
    folder = (home() / "cache").absolute()
    found: dict[str, str] = {}
    if not can_hold_files(os.environ.get("HF_HOME") or os.environ.get("XDG_CACHE_HOME") or CACHE):
        found |= {name: str(folder / below) for name, below in CACHES.items()}
    if not can_hold_files(DVC_SITE_CACHE):
        found["DVC_SITE_CACHE_DIR"] = str(folder / "dvc")
    if not known(lambda: Path("~").expanduser()):  # DVC and git look for settings in one
        found["HOME"] = str(folder / "home")
    if not known(getuser):  # DVC asks for it
        found["USER"] = str(os.getuid())
    return found


def known(ask: Callable[[], object]) -> bool:
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
    there = next(one for one in (place, *place.parents) if os.path.lexists(one))
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
    """Let the Hub be asked, unless the user forbade it; before huggingface_hub is imported."""
    if "HF_HUB_OFFLINE" not in CHOSEN_BY_USER:
        os.environ.pop("HF_HUB_OFFLINE", None)
