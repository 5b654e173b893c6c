"""The project that both machines of the hostile month have a clone of, and its small base."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.architectures import ARCHITECTURES, LAYERS
from tests.incumbent.test_pipeline import FEW
from tests.monitoring import hostile_traffic as world

FAMILY = "test"
SEEN = "datasets/seen"  # where a machine sees the traffic that all share


def params(base: Path, shared: Path) -> dict[str, Any]:
    found = deepcopy(FEW)
    found["base"] = {"model": str(base)}
    sources = [
        {"kind": "file", "path": f"datasets/sources/{name}.jsonl"}
        for name in ("experts", "labelled")
    ]
    found["curation"]["collect"] = {"sources": sources}
    found["curation"]["curate"] = {"dev": 10, "sealed": 30}
    found["curation"]["validate"]["embedded_rows"] = 20
    found["training"]["sft"] = {
        "rows": 120,
        "batch_size": 8,
        "learning_rate": 0.01,
        "epochs": 2,
    }
    found["evaluation"]["decoding"] = {"max_new_tokens": 8}
    found["evaluation"]["few_shot"] = {"shots": 0}
    found["evaluation"]["scoring"] = {"metrics": ["rouge", "perplexity"]}
    found["registry"] = {
        "family": FAMILY,
        "database": f"sqlite:///{shared / 'registry.db'}",
        "artifacts": str(shared / "artifacts"),
    }
    found["monitoring"] = {
        "traffic": {"folder": SEEN},
        "drift": {"perplexity_rows": 50},
        "trigger": {"minimum_labels": 25, "cooldown_days": 2, "promote": "review"},
        "schedule": {"catch_up_days": 2},
    }
    return found


def tiny_base(folder: Path) -> Path:
    """Random weights, and a tokenizer that knows the bank's words."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    made = ARCHITECTURES["qwen-2"]
    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1_500,
        special_tokens=list(made.specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokens.train_from_iterator([*world.RIGHT, *world.RIGHT.values(), world.SYSTEM], trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        bos_token=made.specials[0],
        eos_token=made.specials[1],
        pad_token=made.specials[1],
        chat_template=made.template,
    ).save_pretrained(folder)
    config = Qwen2Config(
        vocab_size=tokens.get_vocab_size(),
        hidden_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=128,
        initializer_range=0.1,
        max_position_embeddings=1024,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    torch.manual_seed(0)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder
