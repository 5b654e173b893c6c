"""A base model with an adapter merged into its weights, for programs that know no adapters."""

from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from project.errors import IncumbentError
from project.records.adapters import Precision
from project.system_prompt import with_system_prompt


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
