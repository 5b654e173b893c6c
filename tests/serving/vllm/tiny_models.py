"""A tiny base that vLLM takes on a CPU, and adapters on it that answer unlike each other.

What loads torch is imported where it is used, so that the fast tests do not wait for it.
"""

from pathlib import Path

from project.chat_template import TEMPLATE
from tests.architectures import ARCHITECTURES, save_tokenizer
from tests.serving.embedded.conftest import save_adapter as save_lora

# As Llama 3 writes a chat, with tools and calls in few words.
CHAT = (
    "{{ bos_token }}{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}"
    "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ (m.content or '') | trim }}"
    "{% for call in m.tool_calls or [] %}<tool_call>"
    "{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}"
    "</tool_call>{% endfor %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
LINEAR = ("q_proj", "v_proj", "down_proj")


def save_base(folder: Path) -> Path:
    """Two heads of 64: vLLM's kernels for a CPU know few sizes of a head. It answers in ASCII."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    size = save_tokenizer(ARCHITECTURES["llama-3"], folder)
    (folder / TEMPLATE).write_text(CHAT)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        initializer_range=0.1,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():  # bytes that are no character by themselves are never the likeliest
        model.lm_head.weight[unreadable(folder)] = 0
    model.save_pretrained(folder)
    return folder


def unreadable(base: Path) -> list[int]:
    """The tokens that are half a character, or none that one can see; the end token is kept."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    texts = {token: tokenizer.decode([token]) for token in range(len(tokenizer))}
    ends = tokenizer.eos_token_id
    return [
        i for i, text in texts.items() if i != ends and not ("!" <= text <= "~" and len(text) == 1)
    ]


def save_adapter(base: Path, folder: Path, seed: int) -> Path:
    return save_lora(base, folder, seed, LINEAR, alpha=16)
