"""Small models for the effects of settings, two of each, so that one can stand for the other.

What loads torch is imported where it is used, so that the fast tests do not wait for it.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.conftest import NUMERICS

REVISIONS = ("a" * 40, "b" * 40)  # of a model of the Hub, as its cache has them
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }} <end> {% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def lay_out_words(word_base: Path, folder: Path) -> Path:
    """A base for what reads no more than its tokenizer, and another one, whose template says more;
    both also as revisions of bank/words.
    """
    for name in ("words", "other-words"):
        shutil.copytree(word_base, folder / name)
    template = folder / "other-words" / "chat_template.jinja"
    template.write_text(f"a conversation: {template.read_text()}")
    return in_hub(folder, "words")


def lay_out_tiny(texts: Iterable[str], folder: Path) -> Path:
    """A base of three narrow layers that knows the words of these texts, another one with other
    weights, and an adapter on the first; the bases also as revisions of bank/tiny.
    """
    words = sorted({word for text in texts for word in text.split()})
    for seed, name in enumerate(("tiny", "other-tiny")):
        save_base(folder / name, words, seed)
    save_adapter(folder / "tiny", folder / "adapter")
    (folder / "machines").mkdir()
    return in_hub(folder, "tiny")


def in_hub(folder: Path, name: str) -> Path:
    snapshots = folder / "hub" / f"models--bank--{name}" / "snapshots"
    for model, revision in zip((name, f"other-{name}"), REVISIONS, strict=True):
        shutil.copytree(folder / model, snapshots / revision)
    return folder


def save_base(folder: Path, words: list[str], seed: int) -> None:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    known = ["?", "<end>", "user:", "assistant:", *words]
    level = Tokenizer(models.WordLevel({w: i for i, w in enumerate(known)}, unk_token="?"))
    level.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=level, eos_token="<end>", pad_token="<end>", chat_template=TEMPLATE
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(known),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,  # of fewer, PEFT lists the layers one by one
        num_attention_heads=4,
        tie_word_embeddings=True,
        eos_token_id=1,
        pad_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def save_adapter(base: Path, folder: Path) -> None:
    """A fresh adapter that says something: without that it would answer as its base does."""
    import torch

    from training.model.base_model import load_base
    from training.model.lora import add_adapter
    from training.training_settings import AdapterParams

    params = AdapterParams(r=2, quantization="none")
    model = add_adapter(load_base(base, params, NUMERICS), params, NUMERICS)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder)
