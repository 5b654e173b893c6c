"""The base model, quantised as the recipe says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bitsandbytes as bnb
import torch
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel
from transformers.integrations import is_deepspeed_zero3_enabled, is_fsdp_enabled
from transformers.integrations.liger import apply_liger_kernel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING
from transformers.models.falcon import modeling_falcon
from transformers.utils import is_flash_attn_2_available

from project.errors import InputError
from project.gpu import Card, card_here, device_of, training_map
from project.libraries import memory
from project.records.adapters import Numerics, Quantization
from project.settings import PARAMS
from training.model.kernels import attention_kernel, liger_kinds, refuse_liger
from training.model.lora import read_layers, refuse_unfit
from training.training_settings import AdapterParams

MEMORY_SHARE = 0.25  # of all memory, that weights may take which were dequantised once


def load_base(folder: Path, params: AdapterParams, numerics: Numerics) -> PreTrainedModel:
    """Load a causal LM as the recipe wants it quantised, computing in the numerics' precision.

    NF4 with double quantisation is QLoRA: Dettmers et al. 2023, arXiv 2305.14314, sections 3 and
    4. Raises InputError, before anything is loaded, for a base that the recipe does not fit, and
    where bitsandbytes cannot quantise on this machine, or it has not the kernels asked for.
    """
    dtype, card = getattr(torch, numerics.precision), card_here(torch)
    refuse_unfit(read_layers(folder), params, dtype.itemsize, device_memory(card))
    attention = attention_kernel(card, numerics.precision, has_flash(folder))
    if params.kernels == "liger":
        refuse_liger(str(AutoConfig.from_pretrained(folder).model_type), card, liger_kinds())
    model = load_quantized(folder, params, dtype, card, attention)
    if params.kernels == "liger":
        # Before the adapter is put on, and not by the trainer's `use_liger_kernel`, which comes
        # after packed rows were tried. The loss has a way of its own here.
        apply_liger_kernel(model, {"fused_linear_cross_entropy": False})
    return model


def load_quantized(
    folder: Path,
    params: AdapterParams,
    dtype: torch.dtype,
    card: Card | None,
    attention: str | None,
) -> PreTrainedModel:
    """Load the base on this process's card, or into the machine's memory where there is none."""
    split = is_deepspeed_zero3_enabled() or is_fsdp_enabled()  # which place it themselves
    places = None if split else training_map(card)
    how = {"dtype": dtype, "device_map": places, "attn_implementation": attention}
    if params.quantization == "none":
        return AutoModelForCausalLM.from_pretrained(folder, **how)
    refuse_missing_backend(params.quantization, card)
    with plain_linear_layers():
        config = quantization_config(params, dtype, split=split)
        model = AutoModelForCausalLM.from_pretrained(folder, **how, quantization_config=config)
    if not split and to_be_dequantized(model, params, dtype, device_memory(card)):
        return model.dequantize()
    # On AVX512-BF16 processors bitsandbytes repacks weights at an eval-mode forward, and never
    # undoes it: a later backward pass would read them as the plain layout, and all gradients after
    # a validation step would be silently wrong.
    for module in model.modules():
        if isinstance(module, bnb.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
    return model


def has_flash(folder: Path) -> bool:
    """Whether flash-attn is installed, and the base's architecture made for it."""
    kind = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(AutoConfig.from_pretrained(folder)), None)
    return is_flash_attn_2_available() and bool(getattr(kind, "_supports_flash_attn", False))


@contextmanager
def plain_linear_layers() -> Iterator[None]:
    """Let Falcon be built of torch's linear layers, which compute the same as its own.

    transformers quantises layers of torch's own class alone, and would silently leave Falcon's.
    """
    falcon_linear = modeling_falcon.FalconLinear
    modeling_falcon.FalconLinear = torch.nn.Linear
    try:
        yield
    finally:
        modeling_falcon.FalconLinear = falcon_linear


def refuse_missing_backend(quantization: Quantization, card: Card | None) -> None:
    """Raise InputError where bitsandbytes cannot quantise, tried on a few weights."""
    few = torch.ones(64, 64, device=device_of(card))
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


def quantization_config(
    params: AdapterParams, dtype: torch.dtype, *, split: bool = False
) -> BitsAndBytesConfig:
    """`split`: processes share the weights out, which needs numbers of the adapter's kind to hold
    them, four bits in four: else each process keeps them whole.
    """
    if params.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,  # saves 0.37 bits a weight: QLoRA, section 3
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_quant_storage=dtype if split else None,
    )


def to_be_dequantized(
    model: PreTrainedModel, params: AdapterParams, dtype: torch.dtype, memory: int
) -> bool:
    """Whether NF4 weights are to be turned back once. LLM.int8() computes with int8: never."""
    if params.quantization != "nf4":
        return False
    if params.dequantize_once != "auto":
        return params.dequantize_once
    layers = [module for module in model.modules() if isinstance(module, bnb.nn.Linear4bit)]
    weights = sum(layer.in_features * layer.out_features for layer in layers) * dtype.itemsize
    return bool(weights <= MEMORY_SHARE * memory)


def device_memory(card: Card | None) -> int:
    """Bytes that the device has, whoever uses them now: so equal machines choose alike."""
    return card.memory if card else memory()
