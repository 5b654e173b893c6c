"""The base model, quantised as the recipe says, and the LoRA adapter that goes on it."""

from pathlib import Path

import bitsandbytes as bnb
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from project.errors import InputError
from project.processor import memory
from project.records.adapters import Numerics, Quantization
from project.settings import PARAMS
from training.training_settings import TrainingParams

MEMORY_SHARE = 0.25  # of all memory, that weights may take which were dequantised once


def load_base(folder: Path, params: TrainingParams, numerics: Numerics) -> PreTrainedModel:
    """Load a causal LM as the recipe wants it quantised, computing in the numerics' precision.

    NF4 with double quantisation is QLoRA: Dettmers et al. 2023, arXiv 2305.14314, sections 3 and
    4. Raises InputError where bitsandbytes cannot quantise on this machine.
    """
    dtype = getattr(torch, numerics.precision)
    if params.quantization == "none":
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    refuse_missing_backend(params.quantization)
    config = quantization_config(params, dtype)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, quantization_config=config)
    if to_be_dequantized(model, params, dtype):
        return model.dequantize()
    keep_weights_in_place(model)
    return model


def refuse_missing_backend(quantization: Quantization) -> None:
    """Raise InputError where bitsandbytes cannot quantise, tried on a few weights."""
    few = torch.ones(64, 64, device="cuda" if torch.cuda.is_available() else "cpu")
    quantize = {
        "nf4": bnb.functional.quantize_4bit,
        "int8": bnb.functional.int8_vectorwise_quant,
    }[quantization]
    try:
        quantize(few.half() if quantization == "int8" else few)
    except (ImportError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"bitsandbytes cannot quantise to {quantization} on this machine: {error}; "
            "quantization: none does without it",
            file=PARAMS,
            field="training.quantization",
        ) from None


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
    return bool(weights <= MEMORY_SHARE * device_memory())


def device_memory() -> int:
    """Bytes that the device has, whoever uses them now: so equal machines choose alike."""
    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    return memory()


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


def add_adapter(base: PreTrainedModel, params: TrainingParams, numerics: Numerics) -> PeftModel:
    """Put a fresh adapter on a base, in the precision of the run.

    In float16 it is float32: loss scaling needs gradients that it can unscale.
    """
    torch.manual_seed(params.seed)
    model = get_peft_model(base, lora_config(params))
    # TRL would round the adapter on a quantised base to bfloat16, whatever the run computes in.
    base.is_loaded_in_4bit = base.is_loaded_in_8bit = False
    float16 = numerics.precision == "float16"
    dtype = torch.float32 if float16 else getattr(torch, numerics.precision)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)
    return model
