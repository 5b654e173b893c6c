"""Which kernels a base is trained with, chosen by the card, and the same bytes from the same
training.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from project.errors import InputError, pip_install
from project.gpu import AMPERE, Card
from project.records.adapters import Precision
from project.settings import setting_error
from training.training_settings import Attention

FLASH = "flash_attention_2"


def attention_kernel(
    wanted: Attention, card: Card | None, precision: Precision, installed: bool
) -> str | None:
    """What transformers is to attend with; None: what it takes for the architecture by itself,
    torch's fused kernel where that can be. `installed`: whether flash-attn is.

    Raises InputError where flash-attn is asked for and cannot be had.
    """
    problem = why_no_flash(card, precision, installed)
    if wanted == "auto":
        return None if problem else FLASH
    if wanted == FLASH and problem:
        raise wrong("attention", f"{FLASH} cannot be had: {problem}; auto takes what can")
    return wanted


def why_no_flash(card: Card | None, precision: Precision, installed: bool) -> str | None:
    """None where flash-attn computes on the card. Dao 2023, arXiv 2307.08691, is for Ampere and
    what came after it, in numbers of 16 bits; there is a build of it for AMD's cards.
    """
    if card is None:
        return "there is no GPU"
    if not card.amd and card.capability < AMPERE:
        major, minor = card.capability
        return f"{card.name} has compute capability {major}.{minor}, and it needs 8.0"
    if precision == "float32":
        return "it computes in 16 bits, and base.precision is float32"
    return None if installed else "flash-attn is not installed"


def refuse_liger(kind: str, card: Card | None, known: Collection[str] | None) -> None:
    """Raise InputError where Liger's kernels cannot be had for a kind of model, as config.json
    names it. `known`: the kinds that it has kernels for; None: it is not installed.
    """
    if card is None:
        raise wrong("kernels", "liger needs a GPU, and there is none: choose plain")
    if known is None:
        raise wrong("kernels", f"liger is not installed: {pip_install('liger')}, or choose plain")
    if kind not in known:
        raise wrong("kernels", f"liger has no kernels for a model of kind {kind}: choose plain")


def liger_kinds() -> Collection[str] | None:
    """The kinds of models that the installed Liger knows; None: it is not installed."""
    # Imported here because it is an extra, which brings triton.
    try:
        from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN
    except ImportError:
        return None
    return frozenset(MODEL_TYPE_TO_APPLY_LIGER_FN)


def wrong(name: str, problem: str) -> InputError:
    return setting_error(problem, "training", "adapter", name)


# --- determinism ----------------------------------------------------------------------------------

# The same bytes from the same training, on a GPU too, where the order of sums is left to chance.
#
# A processor needs none of this. cuBLAS is told beforehand, by a variable of project/libraries.py.

REFUSED = "does not have a deterministic implementation"  # in what torch says of an operation


@contextmanager
def deterministic(on: bool = True) -> Iterator[None]:
    """Let torch take kernels that compute the same again; off: whichever are fastest.

    Inside, an operation without such a kernel raises a RuntimeError with REFUSED in it.
    """
    before, settings = torch.are_deterministic_algorithms_enabled(), memory_settings()
    filling = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(on)
    settings.fill_uninitialized_memory = False  # which finds faults, and takes time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        settings.fill_uninitialized_memory = filling


def memory_settings() -> Any:
    """Torch's types lack them."""
    return torch.utils.deterministic
