"""The base model, quantised as the recipe says, and the LoRA adapter that goes on it."""

import os
from pathlib import Path

import bitsandbytes as bnb
import torch
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from registry.errors import InputError
from registry.params import PARAMS
from registry.records import Numerics
from training.params import TrainingParams

MEMORY_SHARE = 0.25  # of all memory, that weights may take which were dequantised once


def load_base(folder: Path, params: TrainingParams, numerics: Numerics) -> PreTrainedModel:
    """Load a causal LM as the recipe wants it quantised, computing in the numerics' precision.

    NF4 with double quantisation is QLoRA: Dettmers et al. 2023, arXiv 2305.14314, sections 3 and
    4. Raises InputError where bitsandbytes cannot quantise on this machine.
    """
    dtype = getattr(torch, numerics.precision)
    if params.quantization == "none":
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    config = quantization_config(params, dtype)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, quantization_config=config
        )
    except (ImportError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"bitsandbytes cannot quantise to {params.quantization} on this machine: {error}; "
            "quantization: none does without it",
            file=PARAMS,
            field="training.quantization",
        ) from None
    if to_be_dequantized(model, params, dtype):
        return dequantized(model)
    keep_weights_in_place(model)
    return model


def quantization_config(params: TrainingParams, dtype: torch.dtype) -> BitsAndBytesConfig:
    if params.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def to_be_dequantized(model: PreTrainedModel, params: TrainingParams, dtype: torch.dtype) -> bool:
    """Whether NF4 weights are to be turned back once. LLM.int8() computes with int8: never."""
    if params.quantization != "nf4":
        return False
    if params.dequantize_once != "auto":
        return params.dequantize_once
    layers = [module for module in model.modules() if isinstance(module, bnb.nn.Linear4bit)]
    weights = sum(layer.in_features * layer.out_features for layer in layers) * dtype.itemsize
    return bool(weights <= MEMORY_SHARE * all_memory())


def all_memory() -> int:
    """Bytes that the device has, whoever uses them now: so equal machines choose alike."""
    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def dequantized(model: PreTrainedModel) -> PreTrainedModel:
    """The model with plain linear layers, whose weights are what NF4 made of them."""
    model = model.dequantize()
    model.is_loaded_in_4bit = False  # else TRL takes it for one that is still packed
    return model


def keep_weights_in_place(model: torch.nn.Module) -> None:
    """Switch off bitsandbytes' repacking of weights at an eval-mode forward on AVX512-BF16 CPUs.

    The repacked layout is never undone, and a later backward pass reads it as the plain one: all
    gradients after a validation step would be silently wrong.
    """
    for module in model.modules():
        if isinstance(module, bnb.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False


def lora_config(params: TrainingParams) -> LoraConfig:
    """LoRA on every linear layer but the head, as QLoRA has it."""
    return LoraConfig(
        task_type="CAUSAL_LM",
        target_modules="all-linear",
        r=params.r,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
    )


def set_adapter_precision(model: PeftModel, numerics: Numerics) -> None:
    """Train the adapter in the precision of the run; TRL wants bfloat16 on any quantised base.

    In float16 it is float32: loss scaling needs gradients that it can unscale.
    """
    float16 = numerics.precision == "float16"
    dtype = torch.float32 if float16 else getattr(torch, numerics.precision)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)
