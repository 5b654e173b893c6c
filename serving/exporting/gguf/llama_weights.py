"""The weights and the shape of a Llama, as llama.cpp wants them in a GGUF file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from numpy.typing import NDArray
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from project.errors import IncumbentError

Array = NDArray[np.generic]
Packing = Literal["f16", "q8_0"]
PACKINGS = {
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
Q8_BLOCK = 32  # numbers that share a scale in Q8_0


def unlike_llama(config: Any) -> str | None:
    """Why a model cannot be written by this file; None where it can. `config` is transformers'."""
    if config.model_type != "llama":
        return f"its architecture is {config.model_type}, not llama"
    kind = rope_of(config).get("rope_type", "default")
    if kind not in ("default", "llama3"):
        return f"its positions are scaled by {kind!r}"
    return None


def rope_of(config: Any) -> Mapping[str, Any]:
    return getattr(config, "rope_parameters", None) or {}


def write_shape(writer: gguf.GGUFWriter, config: Any, packing: Packing) -> None:
    heads = config.num_attention_heads
    width = config.head_dim or config.hidden_size // heads
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(rope_of(config).get("rope_theta", 10_000.0))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(PACKINGS[packing][1])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def add_weights(
    writer: gguf.GGUFWriter, weights: Mapping[str, Array], config: Any, packing: Packing
) -> None:
    """`weights` by their names in transformers, in float32. Raises IncumbentError for one that
    llama.cpp has no name for, and for one that is too large for the packing.
    """
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    if factors := rope_factors(config):
        writer.add_tensor("rope_freqs.weight", np.array(factors, dtype=np.float32))
    for name, weight in sorted(weights.items()):
        if (known := names.get_name(name, try_suffixes=(".weight", ".bias"))) is None:
            raise IncumbentError(f"llama.cpp has no name for the weight {name!r}")
        packed, kind = pack(name, interleaved(name, weight, config), packing)
        writer.add_tensor(known, packed, raw_dtype=kind)


def interleaved(name: str, weight: Array, config: Any) -> Array:
    """Queries and keys with the two halves of each head's rows in turns.

    transformers turns row i of a head together with row i + width / 2, llama.cpp row 2i with row
    2i + 1 (Su et al. 2021, "RoFormer": the second is the paper's).
    """
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    projection = name.split(".")[-2]
    if projection not in heads:
        return weight
    halves = weight.reshape(heads[projection], 2, -1, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def pack(name: str, weight: Array, packing: Packing) -> tuple[Array, gguf.GGMLQuantizationType]:
    """Norms and biases stay in float32, as everywhere in llama.cpp."""
    weight = np.ascontiguousarray(weight, dtype=np.float32)
    if weight.ndim == 1:
        return weight, gguf.GGMLQuantizationType.F32
    kind = PACKINGS["f16" if weight.shape[-1] % Q8_BLOCK else packing][0]
    packed = gguf.quants.quantize(weight, kind)
    if kind is gguf.GGMLQuantizationType.F16 and not np.isfinite(packed).all():
        raise IncumbentError(f"the weight {name!r} has numbers that are too large for f16")
    return packed, kind


def rope_factors(config: Any) -> list[float]:
    """By what each frequency of the positions is divided: of Llama 3.1 and later. Empty: by 1."""
    if rope_of(config).get("rope_type", "default") != "llama3":
        return []
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    width = config.head_dim or config.hidden_size // config.num_attention_heads
    theta = rope_of(config)["rope_theta"]
    plain = theta ** -(np.arange(0, width, 2, dtype=np.float64) / width)
    return [float(ratio) for ratio in plain / scaled.double().numpy()]


def read_weights(folder: Path) -> Iterator[tuple[str, Array]]:
    """Every tensor of a model's folder, in float32, one after the other."""
    # Imported here because gguf and numpy know no bfloat16, and torch takes its time to load.
    import torch
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.offset_keys():
                yield name, tensors.get_tensor(name).to(torch.float32).numpy()
