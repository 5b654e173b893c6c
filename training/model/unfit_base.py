"""What of the recipe does not fit a base, told before its weights are loaded."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from project.errors import InputError
from project.records.adapters import Quantization
from project.settings import setting_error
from training.cost.memory import QUANTIZED
from training.training_settings import AdapterParams

# --- base layers ----------------------------------------------------------------------------------

# Which layers a base has, read from its configuration before any weight is loaded.


@dataclass(frozen=True)
class BaseLayers:
    """The layers of a causal LM; counts are of numbers, wherever they are stored."""

    linear: dict[str, int]  # weights of each linear layer that can get a LoRA, by its whole name
    experts: int  # weights of a mixture's experts, which are no linear layers
    weights: int  # of all; those that two layers share count once

    @property
    def names(self) -> tuple[str, ...]:
        """The last parts of their names, which are the same in every block: q_proj, …"""
        return tuple(sorted({name.rpartition(".")[2] for name in self.linear}))


def read_layers(folder: Path) -> BaseLayers:
    """Builds the model without weights: on torch's meta device."""
    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        return layers_of(AutoModelForCausalLM.from_config(config))


def layers_of(model: PreTrainedModel) -> BaseLayers:
    """Linear layers are all but the head, as QLoRA has it.

    In a mixture of experts what routes to them, and what stands beside them, are left out too: the
    experts of transformers 5 are one block of numbers, on which PEFT puts no plain LoRA.
    """
    modules = dict(model.named_modules())
    mixed = [
        name
        for name, module in modules.items()
        if any(parameter.dim() == 3 for parameter in module.parameters(recurse=False))
    ]
    beside = tuple(f"{name.rpartition('.')[0]}." for name in mixed)
    head = model.get_output_embeddings()
    linear = {
        name: module.weight.numel()
        for name, module in modules.items()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head
    }
    left_out = {name.rpartition(".")[2] for name in linear if name.startswith(beside)}
    return BaseLayers(
        linear={n: size for n, size in linear.items() if n.rpartition(".")[2] not in left_out},
        experts=sum(p.numel() for name in mixed for p in modules[name].parameters(recurse=False)),
        weights=sum(p.numel() for p in model.parameters()),
    )


# --- unfit base -----------------------------------------------------------------------------------

GIB = 1 << 30


def refuse_unfit(layers: BaseLayers, params: AdapterParams, width: int, memory: int) -> None:
    """Raise InputError for layers that the base does not have, experts that cannot be quantised,
    and weights that alone exceed the memory. `width`: bytes of a number, `memory`: bytes.
    """
    refuse_unknown_layers(layers, params)
    # bitsandbytes quantises linear layers alone: its issue 1849.
    if layers.experts and params.quantization != "none":
        share = layers.experts / layers.weights
        raise wrong_setting(
            f"{params.quantization} cannot be had: {share:.0%} of the base's weights are experts, "
            "which bitsandbytes leaves as they are; quantization: none trains a LoRA on its "
            "attention",
            "training.adapter.quantization",
        )
    refuse_too_large(layers, params, width, memory)


def refuse_unknown_layers(layers: BaseLayers, params: AdapterParams) -> None:
    if not layers.linear:
        raise wrong_setting("has no linear layer that could get a LoRA", "base.model")
    if isinstance(params.target_modules, str):
        return
    known = [f".{name}" for name in layers.linear]
    for target in params.target_modules:
        if not any(name.endswith(f".{target}") for name in known):
            problem = f"the base has no linear layer {target!r}; it has {', '.join(layers.names)}"
            raise wrong_setting(problem, "training.adapter.target_modules")
    if not params.target_modules:
        problem = f"names no layer: all-linear, or some of {', '.join(layers.names)}"
        raise wrong_setting(problem, "training.adapter.target_modules")


def refuse_too_large(layers: BaseLayers, params: AdapterParams, width: int, memory: int) -> None:
    taken = weights_bytes(layers, params, width)
    if taken <= memory:
        return
    smaller = lighter(layers, params, width, memory)
    largest = memory / (width if layers.experts else QUANTIZED["nf4"]) / 1e9
    advice = f"what fits: {smaller}" if smaller else f"a base of {largest:.1f}B weights may fit"
    raise wrong_setting(
        f"its weights alone take {taken / GIB:.1f} GiB to train on (training.adapter.quantization: "
        f"{params.quantization}), and this machine has {memory / GIB:.1f} GiB; {advice}; "
        "`incumbent plan` says more",
        "base.model",
    )


def weights_bytes(layers: BaseLayers, params: AdapterParams, width: int) -> float:
    """What the base's weights take: the linear layers as the recipe quantises them."""
    linear = sum(layers.linear.values())
    return linear * each(params, width) + (layers.weights - linear) * width


def each(params: AdapterParams, width: int) -> float:
    """Bytes of a linear layer's weight. `auto` dequantises only what is small beside the memory."""
    dequantized = params.quantization == "nf4" and params.dequantize_once is True
    if params.quantization == "none" or dequantized:
        return width
    return QUANTIZED[params.quantization]


def lighter(layers: BaseLayers, params: AdapterParams, width: int, memory: int) -> str:
    """The settings under which the weights fit, the best first; empty where none does."""
    if layers.experts:
        return ""
    quantized: tuple[Quantization, ...] = ("int8", "nf4")
    others = [AdapterParams(quantization=one, dequantize_once="auto") for one in quantized]
    taken = {one.quantization: weights_bytes(layers, one, width) for one in others}
    fits = [f"{name} ({size / GIB:.1f} GiB)" for name, size in taken.items() if size <= memory]
    once = " with dequantize_once: auto" if fits and params.dequantize_once is True else ""
    return " or ".join(fits) + once


def wrong_setting(problem: str, field: str) -> InputError:
    return setting_error(problem, *field.split("."))
