"""What steps share in which the adapter answers prompts itself: the prompts and their order."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from peft import PeftModel
from trl.trainer.utils import RepeatSampler

from project.chat_template import under
from project.records.adapters import Contestant
from project.records.data import Row
from project.shown_passages import all_with_passages
from project.tool_rendering import rendered_chat

REFERENCE = "ref"  # what TRL calls its copy of the adapter


class EpochOrder(RepeatSampler):
    """TRL's has a generator of its own, which a resumed run would begin anew: each epoch's order is
    drawn from torch's here, which a checkpoint keeps.
    """

    def __iter__(self) -> Iterator[int]:
        self.generator.manual_seed(int(torch.randint(2**31, ()).item()))
        return iter(super().__iter__())


class RenderedPrompts:
    """Of TRL's trainers: a prompt is the text that the base's chat template has made of it."""

    processing_class: Any

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return tokens_of(prompts, self.processing_class), None, {}


def tokens_of(prompts: Sequence[str], tokenizer: Any) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
    return ids


def readable_prompts(
    rows: Sequence[Row], longest: int, model: PeftModel, tokenizer: Any, asked: Contestant
) -> list[tuple[int, dict[str, Any]]]:
    """The prompts as `RenderedPrompts` reads them, with their tokens, each behind its row's place;
    says how many are too long. Raises InputError for one that the chat template does not take.
    """
    texts = [
        rendered_chat(tokenizer, row, under(asked.system_prompt, row.prompt), answer=True)
        for row in all_with_passages(rows, asked.evidence_template)
    ]
    window = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    kept = [
        (at, {"prompt": text, "prompt_ids": ids})
        for at, (text, ids) in enumerate(zip(texts, tokens_of(texts, tokenizer), strict=True))
        if not window or len(ids) + longest <= window
    ]
    if out := len(texts) - len(kept):
        print(f"{out} of {len(texts)} prompts left out: no room for an answer in {window} tokens")
    return kept
