"""The base model in four bits with a fresh LoRA adapter on it: what QLoRA trains."""

from pathlib import Path

import bitsandbytes as bnb
import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from training.params import TrainingParams


def load_quantized(folder: Path) -> PreTrainedModel:
    """Load a causal LM in NF4 with double quantisation, computing in bfloat16.

    QLoRA: Dettmers et al. 2023, arXiv 2305.14314, sections 3 and 4.
    """
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.bfloat16,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
    )
    keep_weights_in_place(model)
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
