"""A LoRA adapter of PEFT as GGUF, with the names that llama.cpp's convert_lora_to_gguf.py gives."""

import json
from math import sqrt
from pathlib import Path

import gguf
import numpy as np
from transformers import AutoConfig

from evaluation.generation.backends.gguf_file import interleaved, read_weights, unlike_llama
from project.errors import InputError

FRONT = "base_model.model."
ENDS = {".lora_A.weight": ".lora_a", ".lora_B.weight": ".lora_b"}


def write_lora(adapter: Path, base: Path, target: Path) -> None:
    """In float32. Raises InputError for a base that is no Llama, and for what is no plain LoRA."""
    config = AutoConfig.from_pretrained(base)
    if problem := unlike_llama(config):
        raise InputError(f"cannot be answered with by llama.cpp here: {problem}", file=base)
    told = json.loads((adapter / "adapter_config.json").read_bytes())
    # llama.cpp divides by the rank; rank-stabilised LoRA divides by its root.
    alpha = told["lora_alpha"] * (sqrt(told["r"]) if told.get("use_rslora") else 1)
    writer = gguf.GGUFWriter(target, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.LLAMA])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(alpha))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in sorted(read_weights(adapter)):
        end = next((end for end in ENDS if name.endswith(end)), None)
        module = name.removeprefix(FRONT).removesuffix(end or "")
        known = names.get_name(module) if end else None
        if end is None or known is None:
            raise InputError(f"llama.cpp knows no LoRA of {name!r}", file=adapter)
        if end == ".lora_B.weight":  # the rows of an update are those of its B
            weight = interleaved(f"{module}.weight", weight, config)
        packed = np.ascontiguousarray(weight, dtype=np.float32)
        writer.add_tensor(f"{known}.weight{ENDS[end]}", packed)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
