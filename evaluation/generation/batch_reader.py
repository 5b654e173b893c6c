"""Prompts as tokens, read in batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

# --- batch reader ---------------------------------------------------------------------------------

# A causal language model that reads on in many texts at once and remembers what it has read.

Tokens = list[int]


@dataclass
class Memory:
    """What each row of a batch has read: a column a token, and padding where the mask is 0."""

    cache: DynamicCache  # of each layer keys and values, [rows, heads, columns, head size]
    mask: Tensor  # [rows, columns], on the CPU

    @property
    def width(self) -> int:
        return self.mask.shape[1]

    def rows(self, chosen: Sequence[int]) -> "Memory":
        """A copy of some rows, of one more than once too, without columns of padding alone."""
        mask = self.mask[chosen]
        columns = mask.any(0).nonzero().flatten().tolist()
        layers = [[state[chosen][:, :, columns] for state in layer[:2]] for layer in self.cache]
        return Memory(DynamicCache(layers), mask[:, columns])

    def above(self, other: "Memory") -> "Memory":
        """The rows of both, padded on the left to one width."""
        pairs = zip(self.cache, other.cache, strict=True)
        layers = [[stack(a, b, -2) for a, b in zip(x[:2], y[:2], strict=True)] for x, y in pairs]
        return Memory(DynamicCache(layers), stack(self.mask, other.mask, -1))


def stack(upper: Tensor, lower: Tensor, columns: int) -> Tensor:
    """Stack along the first dimension, both padded in dimension `columns`, -1 or -2."""
    width = max(upper.shape[columns], lower.shape[columns])
    behind = (0, 0) * (-1 - columns)
    parts = [pad(part, (*behind, width - part.shape[columns], 0)) for part in (upper, lower)]
    return torch.cat(parts)


class BatchReader:
    """Reads with a model in eval mode; its memories are of this model alone."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.config = model.config
        # A layer that remembers something else, a sliding window say, cannot be cut by columns.
        self.can_regroup = all(type(layer) is DynamicLayer for layer in self.unread(0).cache.layers)
        # The head's input is a slice of what was read. torch multiplies a batch that is not
        # contiguous row by row, and copies a frozen head for each of them.
        model.get_output_embeddings().register_forward_pre_hook(
            lambda _, inputs: (inputs[0].contiguous(), *inputs[1:])
        )

    def unread(self, rows: int) -> Memory:
        return Memory(DynamicCache(config=self.config), torch.zeros(rows, 0, dtype=torch.long))

    def shared(self, texts: Sequence[Tokens]) -> Memory:
        """One row that has read what all texts begin with, short of any text's last token."""
        memory = self.unread(1)
        columns = zip(*(text[:-1] for text in texts), strict=False)
        alike = takewhile(lambda tokens: len(set(tokens)) == 1, columns)
        prefix = [tokens[0] for tokens in alike]
        if prefix and self.can_regroup:
            self.read(memory, [prefix])
        return memory

    def read_after(
        self, prefix: Memory, texts: Sequence[Tokens], keep: int = 1
    ) -> tuple[Memory, Tensor]:
        """Read whole texts that begin with the prefix; returns their memory, and as `read`."""
        same = [0] * len(texts)
        memory = prefix.rows(same) if prefix.width else self.unread(len(texts))
        return memory, self.read(memory, [text[prefix.width :] for text in texts], keep)

    def read(self, memory: Memory, texts: Sequence[Tokens], keep: int = 1) -> Tensor:
        """Read on, a text a row, shorter ones padded on the left; the memory grows by them.

        Returns the logits after each row's last `keep` tokens, [rows, keep, vocabulary].
        """
        width = max(len(text) for text in texts)
        ids = torch.tensor([[0] * (width - len(text)) + text for text in texts])
        read = torch.tensor([[0] * (width - len(text)) + [1] * len(text) for text in texts])
        memory.mask = torch.cat([memory.mask, read], dim=1)
        positions = (memory.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -width:]
        device = self.model.device
        output = self.model(
            input_ids=ids.to(device),
            attention_mask=memory.mask.to(device),
            position_ids=positions.to(device),
            cache=memory.cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        logits: Tensor = output.logits
        return logits


# --- prompt tokens --------------------------------------------------------------------------------

# The tokens of a chat, as evaluation judges and the embedded backend serves it.

Chat = Sequence[Mapping[str, Any]]


def chat_tokens(
    tokenizer: Any,
    messages: Chat,
    *,
    tools: Chat | None = None,
    add_generation_prompt: bool = False,
) -> list[int]:
    """The ids of the messages under the tokenizer's chat template.

    The template alone writes control tokens. Their names in a text, such as <|im_end|>, are read as
    letters: else whoever writes a message could end it and begin one of the system's.

    Raises what the template raises, and ValueError for a tokenizer that makes a control token of
    plain letters.
    """
    encoded = tokenizer.apply_chat_template(
        list(messages),
        tools=tools,
        add_generation_prompt=add_generation_prompt,
        return_dict=True,
        sanitize_control_tokens=True,
    )
    return list(encoded["input_ids"])
