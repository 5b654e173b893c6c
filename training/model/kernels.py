"""Which kernels a base is trained with, chosen by the card, and the same bytes from the same
training.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from peft.tuners.lora.layer import Linear
from torch import Tensor

from project.errors import InputError, pip_install
from project.gpu import AMPERE, Card
from project.records.adapters import Precision
from project.settings import setting_error

FLASH = "flash_attention_2"


def attention_kernel(card: Card | None, precision: Precision, installed: bool) -> str | None:
    """What transformers is to attend with; None: what it takes for the architecture by itself,
    torch's fused kernel where that can be. `installed`: whether flash-attn is, which is faster on
    all that it computes on.

    Dao 2023, arXiv 2307.08691, is for Ampere and what came after it, in numbers of 16 bits; there
    is a build of it for AMD's cards.
    """
    fits = card is not None and (card.amd or card.capability >= AMPERE)
    return FLASH if fits and precision != "float32" and installed else None


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
    before = torch.are_deterministic_algorithms_enabled()
    settings: Any = torch.utils.deterministic  # torch's types lack them
    filling = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(on)
    settings.fill_uninitialized_memory = False  # which finds faults, and takes time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        settings.fill_uninitialized_memory = filling


# --- fused lora -----------------------------------------------------------------------------------

# LoRA's layers with their passes forward and backward in one piece each, for the processor.
#
# PEFT computes W x + s · B A dropout(x) as a dozen operations, each with a tensor of its own that
# is kept for the way back. Here a layer keeps its input and its dropout mask alone, adds the update
# into the product of the base, and draws the mask at a quarter of the price. Nothing else is
# different: the gradients are the same.

DRAWS = 1 << 16  # a dropout's share is a number of 16 bits
BFLOAT16_ONE = 0x3F80  # the bits of 1.0


def fuse_lora(model: PeftModel) -> int:
    """Let LoRA's layers on plain linear ones compute in one piece. Says how many do now."""
    fused = 0
    for module in model.modules():
        if type(module) is Linear and fits(module):
            module.__class__ = FusedLinear
            fused += 1
    return fused


def fits(layer: Linear) -> bool:
    """Whether a layer has nothing that the fused one does not know: one LoRA, a frozen base."""
    base = layer.get_base_layer()
    return (
        type(base) is torch.nn.Linear
        and not base.weight.requires_grad
        and len(layer.lora_A) == 1
        and not layer.lora_variant
        and not any(layer.lora_bias.values())
        and not layer.fan_in_fan_out
    )


class FusedLinear(Linear):
    """A LoRA layer of PEFT's, computed in one piece where it is trained on a processor."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        base = self.get_base_layer()
        other = self.disable_adapters or self.merged or len(self.lora_A) != 1
        here = x.device.type == "cpu" and x.dtype == base.weight.dtype
        if args or kwargs or other or not here:
            result: Tensor = super().forward(x, *args, **kwargs)
            return result
        (name,) = self.lora_A
        share = dropped_share(self.lora_dropout[name])
        keep = keep_mask(x.numel() // x.shape[-1], x.shape[-1], share, x.dtype) if share else None
        scale = self.scaling[name] / (1 - share)
        a, b = self.lora_A[name].weight, self.lora_B[name].weight
        flat = x.reshape(-1, x.shape[-1])
        result = LoraProduct.apply(  # type: ignore[no-untyped-call]
            flat, base.weight, base.bias, a, b, scale, keep
        )
        # Out here, where autograd knows of it: Falcon adds to what it gets, in place.
        return result.view(*x.shape[:-1], -1)


class LoraProduct(torch.autograd.Function):
    """x W' + bias + scale · (x ∘ keep) A' B', for x [n, inputs]. W and bias are frozen."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        a: Tensor,
        b: Tensor,
        scale: float,
        keep: Tensor | None,
    ) -> Tensor:
        low_a, low_b = a.to(x.dtype), b.to(x.dtype)
        inner = (x if keep is None else x * keep) @ low_a.T
        result = torch.nn.functional.linear(x, weight, bias)
        result.addmm_(inner, low_b.T, alpha=scale)
        ctx.save_for_backward(x, weight, a, b, inner, keep)
        ctx.scale = scale
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, a, b, inner, keep = ctx.saved_tensors
        (g,) = gradients
        of_inner = (g @ b.to(g.dtype)).mul_(ctx.scale)
        of_b = (g.T @ inner).mul_(ctx.scale).to(b.dtype)
        of_a = (of_inner.T @ (x if keep is None else x * keep)).to(a.dtype)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = g @ weight
            if keep is None:
                of_x.addmm_(of_inner, a.to(g.dtype))
            else:
                of_x.addcmul_(of_inner @ a.to(g.dtype), keep)
        return of_x, None, None, of_a, of_b, None, None


def dropped_share(dropout: torch.nn.Module) -> float:
    """What a dropout module drops now: 0 where it is off. To 1 / 65,536, as the masks are drawn."""
    if isinstance(dropout, torch.nn.Dropout) and dropout.training:
        return round(dropout.p * DRAWS) / DRAWS
    return 0.0


def keep_mask(rows: int, columns: int, share: float, dtype: torch.dtype) -> Tensor:
    """[rows, columns] of ones, and of zeros where the input is dropped.

    One draw of torch's generator seeds a faster one (SFC64), so that a seed decides all masks, a
    checkpoint of torch's generator goes on with them, and gradient checkpointing draws them again.
    Each element takes 16 bits, where torch draws a number of 32 or 64.
    """
    count = rows * columns
    seed = int(torch.randint(1 << 62, ()))
    bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
    kept = torch.from_numpy(bits).view(rows, columns).ge_(round(share * DRAWS) - DRAWS // 2)
    if dtype == torch.bfloat16:  # torch converts integers to it slowly
        return kept.mul_(BFLOAT16_ONE).view(dtype)
    return kept.to(dtype)
