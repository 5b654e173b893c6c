"""What the prompts on one adapter begin with, such as its system prompt, is read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from transformers import DynamicCache

from evaluation.generation.batch_reader import BatchReader, Memory, Tokens

LEAST = 16  # tokens that are worth a copy of what was read of them


@dataclass(frozen=True)
class Prefix:
    tokens: Tokens
    memory: Memory  # of one row that has read them


class PromptPrefixes:
    """For each adapter, what two prompts in a row had in common; None is the bare base."""

    def __init__(self, reader: BatchReader) -> None:
        self.reader = reader
        self.known: dict[str | None, Prefix] = {}
        self.last: dict[str | None, Tokens] = {}  # prompts

    def read(self, adapter: str | None, prompts: Sequence[Tokens]) -> Memory:
        """One row that has read what all these prompts begin with, as far as that is known, short
        of any prompt's last token.
        """
        if known := self.known.get(adapter):
            most = min(alike(known.tokens, prompt[:-1]) for prompt in prompts)
            if most >= LEAST:
                return beginning(known.memory, most)
        return self.reader.unread(1)

    def learn(self, adapter: str | None, prompts: Sequence[Tokens], memory: Memory) -> None:
        """Look for a new one in these prompts, which `memory` has read, a row each."""
        if not self.reader.can_regroup:
            return
        first, before = prompts[0], self.last.get(adapter, prompts[-1])
        self.last[adapter] = prompts[-1]
        shared = first[: alike(first, before)]
        known = self.known.get(adapter)
        if LEAST <= len(shared) < len(first) and not (known and known.tokens == shared):
            self.known[adapter] = Prefix(shared, beginning(memory.rows([0]), len(shared)))

    def forget(self, adapter: str) -> None:
        self.known.pop(adapter, None)
        self.last.pop(adapter, None)


def alike(one: Tokens, other: Tokens) -> int:
    """How many tokens both begin with."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def beginning(memory: Memory, columns: int) -> Memory:
    """A copy of the first columns of what one row has read."""
    layers = [[state[:, :, :columns].clone() for state in layer[:2]] for layer in memory.cache]
    return Memory(DynamicCache(layers), memory.mask[:, :columns])
