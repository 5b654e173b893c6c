"""Tiny bases of several families, each with a tokenizer and a chat template of its own.

Their weights are random, and the templates are written in the manner of their families. What loads
torch is imported where it is used, so that the fast tests do not wait for it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LLAMA_3 = (
    "{{ bos_token }}{% for m in messages %}"
    "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# A system message has no place of its own: it stands before what the user says first.
MISTRAL = (
    "{{ bos_token }}"
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content + '\n\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}"
    "{% for m in messages %}"
    "{% if m.role == 'user' %}[INST] {{ system if loop.first else '' }}{{ m.content }}[/INST]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)
FALCON = (
    "{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
QWEN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

LLAMA_3_TOKENS = ("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>")
MISTRAL_TOKENS = ("<s>", "</s>", "[INST]", "[/INST]")
GATED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
FUSED = ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")
LAYERS = 3  # of fewer, PEFT lists the layers one by one


@dataclass(frozen=True)
class Architecture:
    """A family: its classes in transformers, how its chats look, and what gets a LoRA."""

    model: str  # transformers has <model>Config and <model>ForCausalLM
    template: str
    specials: tuple[str, ...]  # the second one ends an answer
    linear: tuple[str, ...]  # the linear modules of a layer, by the end of their names
    shape: dict[str, Any] = field(default_factory=dict)


EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
FALCON_7B = {"multi_query": True, "new_decoder_architecture": False, "parallel_attn": True}
FALCON_40B = {"new_decoder_architecture": True, "num_kv_heads": 2}
FALCON_RW = {"alibi": True, "multi_query": False, "parallel_attn": False, "bias": True}

ARCHITECTURES = {
    "llama-3": Architecture("Llama", LLAMA_3, LLAMA_3_TOKENS, GATED),
    "mistral": Architecture("Mistral", MISTRAL, MISTRAL_TOKENS, GATED, {"sliding_window": 32}),
    "mixtral": Architecture("Mixtral", MISTRAL, MISTRAL_TOKENS, GATED[:4], EXPERTS),
    "falcon-7b": Architecture("Falcon", FALCON, (">>", "<|endoftext|>"), FUSED, FALCON_7B),
    "falcon-40b": Architecture("Falcon", FALCON, (">>", "<|endoftext|>"), FUSED, FALCON_40B),
    "falcon-rw": Architecture("Falcon", FALCON, (">>", "<|endoftext|>"), FUSED, FALCON_RW),
    "qwen-2": Architecture("Qwen2", QWEN, ("<|im_start|>", "<|im_end|>"), GATED),
    "qwen-3": Architecture("Qwen3", QWEN, ("<|im_start|>", "<|im_end|>"), GATED, {"head_dim": 16}),
}


def save_tiny(name: str, folder: Path) -> Path:
    """Write a base of that family into a folder: config, weights, tokenizer and chat template."""
    import torch
    import transformers

    made = ARCHITECTURES[name]
    size = save_tokenizer(made, folder)
    torch.manual_seed(0)
    config = getattr(transformers, f"{made.model}Config")(
        vocab_size=size,
        hidden_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        initializer_range=0.1,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        **narrow(made) | made.shape,
    )
    getattr(transformers, f"{made.model}ForCausalLM")(config).save_pretrained(folder)
    return folder


def narrow(made: Architecture) -> dict[str, Any]:
    """Widths that Falcon calls by other names, or derives."""
    if made.model == "Falcon":
        return {"ffn_hidden_size": 128}
    return {"intermediate_size": 128, "num_key_value_heads": 2}


def save_tokenizer(made: Architecture, folder: Path) -> int:
    """One that has a token for each byte, and those of the family; returns how many there are."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = [*made.specials, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bytes_ = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(known)}, merges=[]))
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    bytes_.add_special_tokens([AddedToken(token, special=True) for token in made.specials])
    begin, end = made.specials[:2]
    PreTrainedTokenizerFast(
        tokenizer_object=bytes_,
        bos_token=begin,
        eos_token=end,
        pad_token=end,
        chat_template=made.template,
    ).save_pretrained(folder)
    return len(known)
