"""What of the recipe does not fit a base, told before its weights are loaded."""

from project.errors import InputError
from project.records.adapters import Quantization
from project.settings import PARAMS, line_of, parse
from training.cost.memory import NF4_PLAIN_SCALES, QUANTIZED
from training.model.base_layers import BaseLayers
from training.training_settings import AdapterParams

GIB = 1 << 30


def refuse_unfit(layers: BaseLayers, params: AdapterParams, width: int, memory: int) -> None:
    """Raise InputError for layers that the base does not have, experts that cannot be quantised,
    and weights that alone exceed the memory. `width`: bytes of a number, `memory`: bytes.
    """
    refuse_unknown_layers(layers, params)
    refuse_quantized_experts(layers, params.quantization)
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


def refuse_quantized_experts(layers: BaseLayers, quantization: Quantization) -> None:
    """bitsandbytes quantises linear layers alone: its issue 1849."""
    if layers.experts and quantization != "none":
        share = layers.experts / layers.weights
        raise wrong_setting(
            f"{quantization} cannot be had: {share:.0%} of the base's weights are experts, which "
            "bitsandbytes leaves as they are; quantization: none trains a LoRA on its attention",
            "training.adapter.quantization",
        )


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
    plain = params.quantization == "nf4" and not params.double_quantization
    return NF4_PLAIN_SCALES if plain else QUANTIZED[params.quantization]


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
    """With its line, where params.yaml has one."""
    line, _ = line_of(parse(PARAMS), field.split(".")) if PARAMS.exists() else (None, [])
    return InputError(problem, file=PARAMS, line=line, field=field)
