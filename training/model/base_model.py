"""The base model, quantised as the recipe says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bitsandbytes as bnb
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel
from transformers.models.falcon import modeling_falcon

from project.errors import InputError
from project.processor import memory
from project.records.adapters import Numerics, Quantization
from project.settings import PARAMS
from training.model.base_layers import read_layers
from training.model.unfit_base import refuse_unfit
from training.training_settings import AdapterParams

MEMORY_SHARE = 0.25  # of all memory, that weights may take which were dequantised once


def load_base(folder: Path, params: AdapterParams, numerics: Numerics) -> PreTrainedModel:
    """Load a causal LM as the recipe wants it quantised, computing in the numerics' precision.

    NF4 with double quantisation is QLoRA: Dettmers et al. 2023, arXiv 2305.14314, sections 3 and
    4. Raises InputError, before anything is loaded, for a base that the recipe does not fit, and
    where bitsandbytes cannot quantise on this machine.
    """
    dtype = getattr(torch, numerics.precision)
    refuse_unfit(read_layers(folder), params, dtype.itemsize, device_memory())
    if params.quantization == "none":
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    refuse_missing_backend(params.quantization)
    config = quantization_config(params, dtype)
    with plain_linear_layers():
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, quantization_config=config
        )
    if to_be_dequantized(model, params, dtype):
        return model.dequantize()
    keep_weights_in_place(model)
    return model


@contextmanager
def plain_linear_layers() -> Iterator[None]:
    """Let Falcon be built of torch's linear layers, which compute the same as its own.

    transformers quantises layers of torch's own class alone, and would silently leave Falcon's.
    """
    own = modeling_falcon.FalconLinear
    modeling_falcon.FalconLinear = torch.nn.Linear
    try:
        yield
    finally:
        modeling_falcon.FalconLinear = own


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
            field="training.adapter.quantization",
        ) from None


def quantization_config(params: AdapterParams, dtype: torch.dtype) -> BitsAndBytesConfig:
    if params.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=params.double_quantization,
        bnb_4bit_compute_dtype=dtype,
    )


def to_be_dequantized(model: PreTrainedModel, params: AdapterParams, dtype: torch.dtype) -> bool:
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
