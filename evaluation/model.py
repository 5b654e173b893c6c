"""A base model, with an adapter on it or bare, that answers batches of prompts greedily."""

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from evaluation.answers import Answer
from evaluation.params import Decoding
from registry.records import Row


class AnsweringModel:
    """Loads in bfloat16 from local folders; adapter None means the bare base."""

    def __init__(self, base: Path, adapter: Path | None, decoding: Decoding) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16, device_map="auto")
        self.model = PeftModel.from_pretrained(model, adapter) if adapter else model
        self.model.eval()
        self.decoding = decoding

    @torch.inference_mode()
    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """Answer a batch; each text ends at the end token or at max_new_tokens."""
        prompts = [[message.model_dump() for message in row.prompt] for row in rows]
        inputs = self.tokenizer.apply_chat_template(
            prompts, add_generation_prompt=True, padding=True, return_dict=True, return_tensors="pt"
        ).to(self.model.device)
        output = self.model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=self.decoding.max_new_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        generated = output[:, inputs["input_ids"].shape[1] :]
        return [self.decode(row, ids) for row, ids in zip(rows, generated, strict=True)]

    def decode(self, row: Row, ids: torch.Tensor) -> Answer:
        end_tokens = torch.tensor(self.model.generation_config.eos_token_id, device=ids.device)
        ends = torch.isin(ids, end_tokens).nonzero()
        length = int(ends[0]) + 1 if len(ends) else len(ids)
        text = self.tokenizer.decode(ids[:length], skip_special_tokens=True)
        return Answer(item=row.id, text=text.strip(), tokens=length)
