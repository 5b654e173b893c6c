"""The LoRA adapter that goes on a base: fresh, from an earlier adapter, or merged into the base.

The layers that can get one, and what of a recipe does not fit them, are told before weights load.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from project.chat_template import with_system_prompt
from project.errors import IncumbentError, InputError
from project.records.adapters import Numerics, Precision, Quantization
from project.records.record import read_input
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


# --- adapter --------------------------------------------------------------------------------------


def lora_config(params: AdapterParams, layers: BaseLayers) -> LoraConfig:
    """LoRA on every linear layer but the head, as QLoRA has it, or on those that are named.

    All are named here, not by PEFT's "all-linear": for a mixture of experts that means the experts.
    """
    named = params.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        target_modules=list(layers.names if isinstance(named, str) else named),
        r=params.r,
        use_rslora=params.rslora,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
    )


def add_adapter(base: PreTrainedModel, params: AdapterParams, numerics: Numerics) -> PeftModel:
    """Put a fresh adapter on a base, in the precision of the run.

    In float16 it is float32: loss scaling needs gradients that it can unscale.
    """
    torch.manual_seed(params.seed)
    model = get_peft_model(base, lora_config(params, layers_of(base)))
    # TRL would round the adapter on a quantised base to bfloat16, whatever the run computes in.
    base.is_loaded_in_4bit = base.is_loaded_in_8bit = False
    float16 = numerics.precision == "float16"
    dtype = torch.float32 if float16 else getattr(torch, numerics.precision)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)
    return model


# --- merge ----------------------------------------------------------------------------------------


def merge(
    base: Path,
    adapter: Path,
    target: Path,
    precision: Precision,
    system_prompt: str | None = None,
) -> None:
    """Write the merged model in a precision, as safetensors, with tokenizer and configuration. Its
    chat template puts the system prompt in front by itself.

    W + s·B·A is added up in float32 and rounded once. Raises IncumbentError when it is not finite.
    """
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    try:
        merged = PeftModel.from_pretrained(model, adapter).merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise IncumbentError(f"the adapter cannot be merged: {error}") from None
    merged.to(getattr(torch, precision)).save_pretrained(target)
    for weights in target.glob("*.safetensors"):
        weights.chmod(0o644)  # as the other files: safetensors lets the owner alone read them
    tokenizer = AutoTokenizer.from_pretrained(base)
    if system_prompt is not None:
        template = tokenizer.get_chat_template()  # of several, the one for a chat without tools
        tokenizer.chat_template = with_system_prompt(template, system_prompt)
    tokenizer.save_pretrained(target)


# --- going on -------------------------------------------------------------------------------------

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
# By their names at PEFT and in training.adapter: what an update's size hangs on.
SAME = {"r": "r", "lora_alpha": "alpha", "use_rslora": "rslora"}


def go_on_from(model: PeftModel, folder: Path) -> None:
    """Give a fresh adapter the weights of an earlier one, in the precision of the run.

    Raises InputError where they would mean something else in it: another r, another scale, or other
    target modules.
    """
    fresh = model.peft_config[model.active_adapter]
    config = json.loads(read_input(folder / CONFIG))
    for name, setting in SAME.items():
        was, now = config.get(name) or 0, getattr(fresh, name) or 0
        if was != now:
            raise misfit(f"its {setting} is {was:g}, the recipe's {now:g}", folder)
    weights = load_file(folder / WEIGHTS)
    try:
        result = set_peft_model_state_dict(model, weights)
    except RuntimeError as error:  # of other shapes
        raise misfit(str(error).splitlines()[0], folder) from None
    missing = [key for key in result.missing_keys if "lora_" in key]
    if missing or result.unexpected_keys:
        layers = sorted({layer_of(key) for key in weights})
        tuned = sorted({layer_of(n) for n, p in model.named_parameters() if p.requires_grad})
        raise misfit(f"its layers are {', '.join(layers)}, the recipe's {', '.join(tuned)}", folder)


def layer_of(key: str) -> str:
    """The last part of a layer's name, of the key of a weight of its LoRA."""
    return key.partition(".lora_")[0].rpartition(".")[2]


def misfit(why: str, folder: Path) -> InputError:
    return InputError(
        f"does not fit this recipe's adapter: {why}; keep training.adapter as it was, or set "
        "training.adapter.start to base",
        file=folder,
        field="training.adapter",
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
    others = [AdapterParams(quantization=kind, dequantize_once="auto") for kind in quantized]
    taken = {other.quantization: weights_bytes(layers, other, width) for other in others}
    fits = [f"{name} ({size / GIB:.1f} GiB)" for name, size in taken.items() if size <= memory]
    once = " with dequantize_once: auto" if fits and params.dequantize_once is True else ""
    return " or ".join(fits) + once


def wrong_setting(problem: str, field: str) -> InputError:
    return setting_error(problem, *field.split("."))
