"""A Llama as GGUF says what it said before: read back by transformers, and by llama.cpp's names."""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader, GGUFWriter, quants
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, LlamaConfig
from transformers.utils.chat_template_utils import render_jinja_template

from evaluation.generation.backends.backend import Packing
from evaluation.generation.backends.gguf_file import (
    pack,
    rope_factors,
    with_plain_brackets,
    write_gguf,
    write_shape,
)
from project.chat_template import with_system_prompt
from project.errors import InputError
from tests.architectures import save_tiny
from tests.servers import missing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(tiny_base, file, "bank v1")
    return file


@torch.inference_mode()
def test_logits_are_the_same_when_it_is_read_back(written: Path, tiny_base: Path) -> None:
    unpacked = GgufConfig(dequantize=True)
    after = AutoModelForCausalLM.from_pretrained(
        written.parent, gguf_file=written.name, quantization_config=unpacked, dtype=torch.float32
    )
    before = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    ids = torch.arange(100, 160).unsqueeze(0)
    expected, found = before.eval()(ids).logits, after.eval()(ids).logits
    assert (found - expected).norm() < 0.002 * expected.norm()


def test_its_papers_say_how_it_is_asked(written: Path, tiny_base: Path) -> None:
    fields = GGUFReader(written).fields
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    told = {name: fields[name].contents() for name in fields if "merges" not in name}
    assert told["general.name"] == "bank v1"
    assert told["tokenizer.chat_template"] == tokenizer.get_chat_template()
    assert told["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token_id
    assert told["tokenizer.ggml.add_bos_token"] is False
    assert told["tokenizer.ggml.tokens"] == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))


@pytest.mark.parametrize(
    ("packing", "width", "kind", "steps"),
    [
        ("q8_0", 64, "Q8_0", 127),
        ("q4_0", 64, "Q4_0", 8),
        ("q4_k", 256, "Q4_K", 8),
        ("q4_k", 64, "Q5_0", 16),  # rows too narrow for a K-type
        ("q4_0", 20, "F16", 1000),  # and for any
    ],
)
def test_a_weight_is_off_by_a_step_of_its_block_at_most(
    packing: Packing, width: int, kind: str, steps: int
) -> None:
    if kind == "Q4_K" and not find_spec("xllamacpp"):
        missing("xllamacpp, which quantises to K-types (pip install xllamacpp)")
    weight = np.random.default_rng(0).normal(size=(8, width)).astype(np.float32)
    packed, used = pack("model.layers.0.mlp.up_proj.weight", weight, packing)
    assert used.name == kind
    off = np.abs(quants.dequantize(packed, used) - weight)
    assert (off <= 1.1 * np.abs(weight).max() / steps).all()


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "lm_head.weight"])
def test_the_table_of_tokens_and_the_head_keep_8_bits(name: str) -> None:
    assert pack(name, np.ones((2, 64), np.float32), "q4_0")[1].name == "Q8_0"


@pytest.mark.parametrize("family", ["mistral", "qwen-2", "falcon-7b", "llama-3"])
def test_what_cannot_be_written_here_names_the_converter(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny tokenizers have no merges, without which llama.cpp reads none."""
    monkeypatch.setenv("PATH", "")
    save_tiny(family, Path("model"))
    with pytest.raises(InputError, match=r"cannot be written as GGUF here: its .*LLAMA_CPP"):
        write_gguf(Path("model"), Path("model.gguf"), "m")


def test_a_converter_that_is_there_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    save_tiny("qwen-2", Path("model"))
    Path("llama.cpp").mkdir()
    Path("llama.cpp/convert_hf_to_gguf.py").write_text(
        "import sys; open(sys.argv[3], 'w').write(' '.join(sys.argv[4:]))"
    )
    monkeypatch.setenv("LLAMA_CPP", "llama.cpp")
    write_gguf(Path("model"), Path("model.gguf"), "m", "q8_0")
    assert Path("model.gguf").read_text() == "--outtype q8_0"
    with pytest.raises(InputError, match="writes f16 and q8_0, and no q4_0"):
        write_gguf(Path("model"), Path("model.gguf"), "m", "q4_0")


def test_positions_of_llama_3_are_stretched_by_wavelength() -> None:
    """Short waves stay, long ones are stretched by the factor (Llama 3.1's reference code)."""
    scaling = {
        "rope_type": "llama3",
        "rope_theta": 500_000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    config = LlamaConfig(hidden_size=128, num_attention_heads=1, rope_parameters=scaling)
    factors = rope_factors(config)
    assert len(factors) == 64
    assert factors[0] == pytest.approx(1)
    assert factors[-1] == pytest.approx(8)
    assert all(b >= a - 1e-5 for a, b in pairwise(factors))
    assert rope_factors(LlamaConfig()) == []


def test_the_shape_is_written_for_heads_of_their_own_width() -> None:
    config = LlamaConfig(hidden_size=64, num_attention_heads=4, head_dim=32)
    writer = GGUFWriter(None, "llama")
    write_shape(writer, config, "f16")
    written = {name: value.value for name, value in writer.kv_data[0].items()}
    assert written["llama.rope.dimension_count"] == written["llama.attention.key_length"] == 32


def test_brackets_of_a_system_prompt_are_plain_for_llama_cpp() -> None:
    """Its Jinja refuses a text with \\x7b in it."""
    prompt = "Say {{ nothing }} and {% this %}, never \\x7b or \\\\{."
    template = with_plain_brackets(with_system_prompt("{{ messages[0]['content'] }}", prompt))
    assert "{{ nothing }}" in template
    assert rendered(template) == prompt


def rendered(template: str) -> str:
    """As transformers does it."""
    asked = [[{"role": "user", "content": "?"}]]
    texts, _ = render_jinja_template(asked, chat_template=template)
    return str(texts[0])
