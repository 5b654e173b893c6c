"""The LoRA adapter that goes on a base."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from project.records.adapters import Numerics
from training.model.base_layers import BaseLayers, layers_of
from training.training_settings import AdapterParams


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
