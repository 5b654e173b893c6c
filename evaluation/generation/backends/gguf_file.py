"""Models and adapters as GGUF, and prompts of the lengths that they are tried with."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from transformers import AutoConfig, AutoTokenizer, GenerationConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from evaluation.generation.backends.backend import Packing
from project.errors import IncumbentError, InputError
from project.progress import progress
from project.records.data import Row
from project.tool_rendering import shown

# --- llama tokenizer ------------------------------------------------------------------------------

# A byte-level BPE tokenizer and its chat template, as llama.cpp wants them in a GGUF file.

# How text is cut before it is merged: as tokenizer.json says it, and llama.cpp's name for it.
BY_DIGITS = ("Digits", "ByteLevel")
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def unlike_bpe(folder: Path) -> str | None:
    """Why a tokenizer cannot be written by this file; None where it can."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return "it has no tokenizer.json"
    told = json.loads(file.read_bytes())
    if told["model"]["type"] != "BPE" or told["model"].get("byte_fallback"):
        return "its tokenizer is no byte-level BPE"
    if not told["model"]["merges"]:
        return "its tokenizer merges nothing"
    if told.get("normalizer"):
        return "its tokenizer changes the text first"
    if cut_by(told) is None:
        return "its tokenizer cuts the text in a way that is not known here"
    return None


def cut_by(told: Mapping[str, Any]) -> str | None:
    """llama.cpp's name for how a tokenizer.json cuts texts into words."""
    top = told["pre_tokenizer"] or {}
    steps = top.get("pretokenizers", [top])
    kinds = tuple(step.get("type") for step in steps)
    if any(step.get("add_prefix_space") for step in steps):
        return None
    if kinds == ("ByteLevel",) and steps[0].get("use_regex", True):
        return "gpt-2"
    if kinds == BY_DIGITS and steps[0].get("individual_digits"):
        return "smollm"
    if kinds == ("Split", "ByteLevel") and steps[0]["pattern"].get("Regex") == LLAMA_3:
        return "llama-bpe"
    return None


def write_tokenizer(writer: gguf.GGUFWriter, folder: Path, size: int) -> None:
    """`size`: the rows of the model's table of tokens, which may be more than there are tokens."""
    told = json.loads((folder / "tokenizer.json").read_bytes())
    tokens, kinds = token_list(told, size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut_by(told) or "gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([merged(pair) for pair in told["model"]["merges"]])
    write_specials(writer, folder)


def token_list(told: Mapping[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Every token with its kind, by number; numbers that no token has are filled."""
    tokens = [f"[PAD{i}]" for i in range(size)]
    kinds = [int(gguf.TokenType.UNUSED)] * size
    for token, i in told["model"]["vocab"].items():
        tokens[i], kinds[i] = token, int(gguf.TokenType.NORMAL)
    for added in told.get("added_tokens", ()):
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]], kinds[added["id"]] = added["content"], int(kind)
    return tokens, kinds


def merged(pair: str | list[str]) -> str:
    """Older files write a merge as one text, newer ones as two."""
    return pair if isinstance(pair, str) else " ".join(pair)


def write_specials(writer: gguf.GGUFWriter, folder: Path) -> None:
    """The tokens that end an answer, and the chat template with what it begins with.

    llama.cpp puts a begin token in front of a prompt where the file says so, and takes it away
    from the template. It is to be there only where it was when the version was judged: where the
    template has it.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    template = with_plain_brackets(tokenizer.get_chat_template())
    begin = tokenizer.bos_token
    writer.add_add_bos_token(begin is not None and begins(tokenizer, begin))
    if begin is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    if tokenizer.unk_token_id is not None:
        writer.add_unk_token_id(tokenizer.unk_token_id)
    for at, end in enumerate(ends(folder, tokenizer)[:2]):
        (writer.add_eot_token_id if at else writer.add_eos_token_id)(end)
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(template)


def with_plain_brackets(template: str) -> str:
    """llama.cpp's Jinja knows no \\x in a text: a system prompt's brackets are written by it."""
    for escape, bracket in ((r"\x7b", "{"), (r"\x7d", "}")):
        template = re.sub(rf"(?<!\\)((?:\\\\)*){re.escape(escape)}", rf"\g<1>{bracket}", template)
    return template


def begins(tokenizer: Any, begin: str) -> bool:
    """Whether prompts begin with the begin token, in a chat and outside of one."""
    asked = [{"role": "user", "content": "?"}]
    chat = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    plain = tokenizer("?")["input_ids"]
    return bool(chat.startswith(begin) and plain[:1] == [tokenizer.bos_token_id])


def ends(folder: Path, tokenizer: Any) -> list[int]:
    """The tokens that end an answer, the tokenizer's own first."""
    told = GenerationConfig.from_pretrained(folder).eos_token_id
    every = told if isinstance(told, list) else [told]
    return list(dict.fromkeys([t for t in [tokenizer.eos_token_id, *every] if t is not None]))


# --- llama weights --------------------------------------------------------------------------------

# The weights and the shape of a Llama, as llama.cpp wants them in a GGUF file.

Array = NDArray[np.generic]
Kind = gguf.GGMLQuantizationType
PACKINGS = {
    "f16": ((Kind.F16,), gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": ((Kind.Q8_0,), gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": ((Kind.Q4_0,), gguf.LlamaFileType.MOSTLY_Q4_0),
    # As llama-quantize does, where rows are no multiple of the block of a K-type, 256 numbers.
    "q4_k": ((Kind.Q4_K, Kind.Q5_0), gguf.LlamaFileType.MOSTLY_Q4_K_S),
}
# The table of tokens and the head, which few bits harm most: llama-quantize gives them more, too.
ENDS = ("embed_tokens", "lm_head")
BY_CONVERTER = ("f16", "q8_0")


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


def pack(name: str, weight: Array, packing: Packing) -> tuple[Array, Kind]:
    """Norms and biases stay in float32, as everywhere in llama.cpp."""
    weight = np.ascontiguousarray(weight, dtype=np.float32)
    if weight.ndim == 1:
        return weight, Kind.F32
    kinds = [*PACKINGS[packing][0], Kind.F16]
    if packing != "f16" and name.split(".")[-2] in ENDS:
        kinds = [Kind.Q8_0, Kind.F16]
    kind = next(k for k in kinds if not weight.shape[-1] % gguf.GGML_QUANT_SIZES[k][0])
    packed = by_library(weight, kind) if kind is Kind.Q4_K else gguf.quants.quantize(weight, kind)
    if kind is Kind.F16 and not np.isfinite(packed).all():
        raise IncumbentError(f"the weight {name!r} has numbers that are too large for f16")
    return packed, kind


def by_library(weight: Array, kind: Kind) -> Array:
    """K-types, which the package gguf cannot write, by ggml's own quantiser out of xllamacpp."""
    spec = find_spec("xllamacpp.xllamacpp")
    if spec is None or spec.origin is None:
        raise InputError(f"{kind.name.lower()} is written by xllamacpp: pip install xllamacpp")
    quantise = ctypes.CDLL(spec.origin).ggml_quantize_chunk
    quantise.restype = ctypes.c_size_t
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    quantise.argtypes = [ctypes.c_int, pointer, pointer, number, number, number, pointer]
    packed = np.empty(gguf.quant_shape_to_byte_shape(weight.shape, kind), np.uint8)
    rows, width = weight.shape
    written = quantise(int(kind), weight.ctypes.data, packed.ctypes.data, 0, rows, width, None)
    if written != packed.nbytes:
        raise IncumbentError(f"xllamacpp wrote {written} bytes of {kind.name}, not {packed.nbytes}")
    return packed


def rope_factors(config: Any) -> list[float]:
    """The divisor of each frequency of the positions, of Llama 3.1 and later. Empty: by 1."""
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


# --- gguf file ------------------------------------------------------------------------------------

# A merged model's folder as one GGUF file.
#
# Llamas are written here. For others llama.cpp's own converter is asked, where it is found.

CONVERTER = "convert_hf_to_gguf.py"


def write_gguf(merged: Path, target: Path, name: str, packing: Packing = "f16") -> None:
    """Raises InputError where nothing here can write this model, IncumbentError where it fails."""
    config = AutoConfig.from_pretrained(merged)
    if not (problem := unlike_llama(config) or unlike_bpe(merged)):
        write_llama(merged, target, name, packing)
    elif (converter := find_converter()) and packing in BY_CONVERTER:
        convert(converter, merged, target, packing)
    elif converter:
        raise InputError(f"{CONVERTER} writes {' and '.join(BY_CONVERTER)}, and no {packing}")
    else:
        raise InputError(
            f"cannot be written as GGUF here: {problem}. llama.cpp's {CONVERTER} may know it: set "
            f"$LLAMA_CPP to a checkout of llama.cpp, or put {CONVERTER} on PATH",
            file=merged,
        )


def write_llama(merged: Path, target: Path, name: str, packing: Packing) -> None:
    config = AutoConfig.from_pretrained(merged)
    writer = gguf.GGUFWriter(target, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.LLAMA])
    writer.add_name(name)
    write_shape(writer, config, packing)
    write_tokenizer(writer, merged, config.vocab_size)
    with progress("writing GGUF", 1, "files", leave=False) as bar:
        weights = dict(read_weights(merged))
        if config.tie_word_embeddings:  # llama.cpp takes the table of tokens for the head too
            weights.pop("lm_head.weight", None)
        add_weights(writer, weights, config, packing)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        bar.advance()


def find_converter() -> Path | None:
    """llama.cpp's converter: in the folder of $LLAMA_CPP, or on PATH."""
    if folder := os.environ.get("LLAMA_CPP"):
        file = Path(folder) / CONVERTER
        if not file.is_file():
            raise InputError(f"$LLAMA_CPP holds no {CONVERTER}", file=folder)
        return file
    program = shutil.which(CONVERTER)
    return Path(program) if program else None


def convert(converter: Path, merged: Path, target: Path, packing: Packing) -> None:
    """The converter is the user's own program: it runs with our Python."""
    files = [str(converter), str(merged), "--outfile", str(target)]
    command = [sys.executable, *files, "--outtype", packing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        lines = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise IncumbentError("\n".join([f"{converter} could not write {target.name}:", *lines]))


# --- adapter --------------------------------------------------------------------------------------

# A LoRA adapter of PEFT, with the names that llama.cpp's convert_lora_to_gguf.py gives.

FRONT = "base_model.model."
HALVES = {".lora_A.weight": ".lora_a", ".lora_B.weight": ".lora_b"}


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
        end = next((end for end in HALVES if name.endswith(end)), None)
        module = name.removeprefix(FRONT).removesuffix(end or "")
        known = names.get_name(module) if end else None
        if end is None or known is None:
            raise InputError(f"llama.cpp knows no LoRA of {name!r}", file=adapter)
        if end == ".lora_B.weight":  # the rows of an update are those of its B
            weight = interleaved(f"{module}.weight", weight, config)
        packed = np.ascontiguousarray(weight, dtype=np.float32)
        writer.add_tensor(f"{known}.weight{HALVES[end]}", packed)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# --- prompt lengths -------------------------------------------------------------------------------

# How long prompts are, as the exported model reads them.


def longest_prompt(model: Path, rows: Sequence[Row]) -> int:
    """How long the longest prompt is, in tokens."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    lengths = [
        len(
            tokenizer.apply_chat_template(
                turns, tools=tools, add_generation_prompt=True, return_dict=True
            )["input_ids"]
        )
        for turns, tools in (shown(tokenizer, row.prompt, row.tools) for row in rows)
    ]
    return max(lengths, default=0)
