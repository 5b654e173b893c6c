"""How the libraries below us are to behave: quiet, offline, sending nothing home, and fast."""

import logging
import os
import warnings
from functools import cache

from project.processor import settle_processor

# Read by the libraries when they are imported. A user's own setting wins.
SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    "TQDM_DISABLE": "1",  # bars of others, such as "Loading weights"; project.progress draws ours
}
CHOSEN_BY_USER = frozenset(SETTINGS.keys() & os.environ.keys())


@cache
def settle() -> None:
    """Settle everything, before the first heavy import; packages call it in their __init__."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    settle_processor()
    # Logged at every import on CPUs with AVX512-BF16: that a kernel could not be downloaded.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")


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
