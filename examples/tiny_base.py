"""Make a base model that has learnt nothing: three narrow layers, and the words of a file.

    python examples/tiny_base.py DIR FILE

With it every step of a project can be tried in seconds. Its answers are nonsense.
"""

import re
import sys
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }} <end> {% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def main(folder: Path, source: Path) -> None:
    tokenizer = tokenizer_of(source.read_text())
    torch.manual_seed(0)
    disable_progress_bar()
    LlamaForCausalLM(shape(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    print(f"{folder}: {len(tokenizer)} words, three layers, random weights")


def tokenizer_of(text: str) -> PreTrainedTokenizerFast:
    """Of the words and signs of this text; all others are unknown to it."""
    words = sorted(set(re.findall(r"\w+|[^\w\s]", text)))
    known = ["<unknown>", "<end>", "user", "assistant", "system", *words]
    level = models.WordLevel({w: i for i, w in enumerate(dict.fromkeys(known))}, "<unknown>")
    tokenizer = Tokenizer(level)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), "removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unknown>",
        eos_token="<end>",
        pad_token="<end>",
        chat_template=TEMPLATE,
    )


def shape(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/tiny_base.py DIR FILE")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
