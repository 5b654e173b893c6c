"""The LoRA adapter that goes on a base: fresh, from an earlier adapter, or merged into the base."""

import json
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from project.chat_template import with_system_prompt
from project.errors import IncumbentError, InputError
from project.records.adapters import Numerics, Precision
from project.records.record import read_input
from training.model.unfit_base import BaseLayers, layers_of
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


# --- merge ----------------------------------------------------------------------------------------

# A base model with an adapter merged into its weights, for programs that know no adapters.


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

# An earlier adapter's weights, put into a fresh one, so that training goes on from there.

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
        own = sorted({layer_of(n) for n, p in model.named_parameters() if p.requires_grad})
        raise misfit(f"its layers are {', '.join(layers)}, the recipe's {', '.join(own)}", folder)


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
