"""How long prompts are, as the exported model reads them."""

from collections.abc import Sequence
from pathlib import Path

from transformers import AutoTokenizer

from project.records.data import Row


def longest_prompt(model: Path, rows: Sequence[Row]) -> int:
    """In tokens."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    lengths = [
        len(
            tokenizer.apply_chat_template(
                [message.model_dump() for message in row.prompt],
                add_generation_prompt=True,
                return_dict=True,
            )["input_ids"]
        )
        for row in rows
    ]
    return max(lengths, default=0)
