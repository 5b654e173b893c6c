"""Drafts that grow side by side by a token a step, whichever adapters they are on.

A new one joins at the next step, and one that has ended gives its place to it (iteration-level
scheduling: Yu et al. 2022, "Orca", OSDI). A long prompt is read a piece a step, so that the others
grow meanwhile, and nothing more of it is read once nobody waits for its answer (chunked prefills:
Agrawal et al. 2024, "Sarathi-Serve", OSDI).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from random import Random

import torch
from torch import Tensor, searchsorted
from transformers import DynamicCache

from evaluation.generation.batch_reader import BatchReader, Memory, Tokens
from serving.embedded.adapters_on_base import AdaptersOnBase
from serving.embedded.draft import AnswerDraft
from serving.embedded.engine_request import Sampling

PIECE = 512  # tokens of a prompt that are read in one step


@dataclass
class LongPrompt:
    """One that is read in pieces."""

    draft: AnswerDraft
    memory: Memory  # of one row, that has read its beginning

    def piece(self) -> list[int]:
        start = self.memory.width
        return self.draft.question.prompt[start : start + PIECE]


class RunningBatch:
    def __init__(self, model: AdaptersOnBase, size: int) -> None:
        self.model = model
        self.reader = model.reader
        self.size = size
        self.prefixes = PromptPrefixes(model.reader)
        self.waiting: deque[AnswerDraft] = deque()
        self.joining: list[
            AnswerDraft
        ] = []  # taken from those that wait; their prompts are being read
        self.long: deque[LongPrompt] = deque()  # the first one is being read
        self.drafts: list[AnswerDraft] = []
        self.memory = self.reader.unread(0)

    @property
    def unfinished(self) -> list[AnswerDraft]:
        read = (long.draft for long in self.long)
        known = dict.fromkeys((*self.drafts, *read, *self.joining, *self.waiting))  # each once
        return [draft for draft in known if not draft.ended]

    @torch.inference_mode()
    def step(self) -> None:
        """One token for each draft that runs, or the first one for those that join; and a piece of
        a long prompt.
        """
        self.read_piece()
        if self.worth_regrouping():
            self.regroup()
        else:
            self.read_on()

    def worth_regrouping(self) -> bool:
        """Whether a draft can join, or a quarter has ended: to copy the memory costs some steps.

        Some models remember what cannot be regrouped: there all have to end first.
        """
        ended = sum(draft.ended for draft in self.drafts)
        if not self.reader.can_regroup:
            return ended == len(self.drafts)
        joins = self.waiting and len(self.drafts) + len(self.long) - ended < self.size
        return bool(joins) or ended * 4 >= len(self.drafts)

    def regroup(self) -> None:
        """Drop what has ended, and let waiting drafts in with their first token."""
        alive = [i for i, draft in enumerate(self.drafts) if not draft.ended]
        if len(alive) < len(self.drafts):
            self.memory = self.memory.rows(alive) if alive else self.reader.unread(0)
            self.drafts = [self.drafts[i] for i in alive]
        self.take_waiting(self.size - len(self.drafts) - len(self.long))
        if self.reader.can_regroup:
            self.set_long_ones_aside()
        together = by_adapter if self.reader.can_regroup else all_at_once
        for group in together(self.joining):
            # Those of one adapter together: they may begin alike.
            prompts = [draft.question.prompt for draft in group]
            prefix = self.prefixes.read(group[0].adapter, prompts)
            self.model.read_as([draft.adapter for draft in group])
            memory, logits = self.reader.read_after(prefix, prompts)
            self.join(group, memory, logits)
        self.joining = []

    def join(self, new: list[AnswerDraft], memory: Memory, logits: torch.Tensor) -> None:
        """Let drafts of one adapter in whose prompts were read."""
        self.prefixes.learn(new[0].adapter, [draft.question.prompt for draft in new], memory)
        self.memory = self.memory.above(memory) if self.drafts else memory
        self.drafts += new
        self.extend(new, logits[:, -1])

    def set_long_ones_aside(self) -> None:
        for draft in self.joining:
            prompt = draft.question.prompt
            if len(prompt) > PIECE:
                prefix = self.prefixes.read(draft.adapter, [prompt])
                memory = prefix.rows([0]) if prefix.width else self.reader.unread(1)
                self.long.append(LongPrompt(draft, memory))
        self.joining = [d for d in self.joining if len(d.question.prompt) <= PIECE]

    def read_piece(self) -> None:
        """Read a piece of the first long prompt whose answer somebody waits for; its end joins the
        others.
        """
        self.long = deque(long for long in self.long if not long.draft.ended)
        if not self.long:
            return
        long = self.long[0]
        draft, prompt = long.draft, long.draft.question.prompt
        self.model.read_as([draft.adapter])
        logits = self.reader.read(long.memory, [long.piece()])
        if long.memory.width == len(prompt):
            self.long.popleft()
            self.join([draft], long.memory, logits)

    def take_waiting(self, room: int) -> None:
        while self.waiting and len(self.joining) < room:
            draft = self.waiting.popleft()
            if not draft.ended:
                self.joining.append(draft)

    def read_on(self) -> None:
        """Rows that have ended read nothing, on no adapter: theirs may be unloaded."""
        alive = [not draft.ended for draft in self.drafts]  # once: one may be given up meanwhile
        if not any(alive):
            return
        rows = list(zip(self.drafts, alive, strict=True))
        self.model.read_as([draft.adapter if lives else None for draft, lives in rows])
        last = [draft.text.tokens[-1:] if lives else [] for draft, lives in rows]
        self.extend(self.drafts, self.reader.read(self.memory, last)[:, -1])

    def extend(self, drafts: Sequence[AnswerDraft], logits: torch.Tensor) -> None:
        for draft, scores in zip(drafts, logits, strict=True):
            draft.sift(scores)
        rows = [(draft.question.sampling, draft.chance) for draft in drafts]
        for draft, token in zip(drafts, next_tokens(logits, rows), strict=True):
            if not draft.ended:
                draft.add(token, end=token in self.model.ends)


def by_adapter(drafts: Sequence[AnswerDraft]) -> list[list[AnswerDraft]]:
    groups: dict[str | None, list[AnswerDraft]] = {}
    for draft in drafts:
        groups.setdefault(draft.adapter, []).append(draft)
    return list(groups.values())


def all_at_once(drafts: Sequence[AnswerDraft]) -> list[list[AnswerDraft]]:
    return [list(drafts)] if drafts else []


# --- next token -----------------------------------------------------------------------------------

# The next token of each row of a batch: the likeliest, or one that is drawn.


def next_tokens(logits: Tensor, rows: Sequence[tuple[Sampling, Random]]) -> list[int]:
    """One token for each row; logits [rows, vocabulary]."""
    tokens: list[int] = logits.argmax(-1).tolist()
    for i, (sampling, chance) in enumerate(rows):
        if sampling.temperature:
            tokens[i] = draw_token(logits[i], sampling, chance.random())
    return tokens


def draw_token(logits: Tensor, sampling: Sampling, point: float) -> int:
    """The token at which the probabilities, summed up, pass `point` of all that may be drawn.

    With top_p (nucleus sampling: Holtzman et al. 2020) these are the likeliest tokens, up to the
    one that brings their sum to it.
    """
    scores = logits.double()
    shares = ((scores - scores.max()) / sampling.temperature).softmax(-1)
    shares, order = shares.sort(descending=True, stable=True)
    sums = shares.cumsum(-1)
    kept = max(1, int((sums - shares < sampling.top_p).sum()))
    sums = sums[:kept]
    index = int(searchsorted(sums, point * sums[-1], right=True))
    return int(order[min(index, kept - 1)])


# --- prompt prefixes ------------------------------------------------------------------------------

# What the prompts on one adapter begin with, such as its system prompt, is read once.

LEAST = 16  # tokens that are worth a copy of what was read of them


@dataclass(frozen=True)
class Prefix:
    tokens: Tokens
    memory: Memory  # of one row that has read them


class PromptPrefixes:
    """What two prompts in a row had in common, for each adapter; None is the bare base."""

    def __init__(self, reader: BatchReader) -> None:
        self.reader = reader
        self.known: dict[str | None, Prefix] = {}
        self.last: dict[str | None, Tokens] = {}  # prompts

    def read(self, adapter: str | None, prompts: Sequence[Tokens]) -> Memory:
        """One row that has read what all these prompts begin with, as far as that is known, short
        of any prompt's last token.
        """
        if known := self.known.get(adapter):
            most = min(common_beginning(known.tokens, prompt[:-1]) for prompt in prompts)
            if most >= LEAST:
                return beginning(known.memory, most)
        return self.reader.unread(1)

    def learn(self, adapter: str | None, prompts: Sequence[Tokens], memory: Memory) -> None:
        """Look for a new one in these prompts, which `memory` has read, a row each."""
        if not self.reader.can_regroup:
            return
        first, before = prompts[0], self.last.get(adapter, prompts[-1])
        self.last[adapter] = prompts[-1]
        shared = first[: common_beginning(first, before)]
        known = self.known.get(adapter)
        if LEAST <= len(shared) < len(first) and not (known and known.tokens == shared):
            self.known[adapter] = Prefix(shared, beginning(memory.rows([0]), len(shared)))

    def forget(self, adapter: str) -> None:
        self.known.pop(adapter, None)
        self.last.pop(adapter, None)


def common_beginning(one: Tokens, other: Tokens) -> int:
    """How many tokens both begin with."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def beginning(memory: Memory, columns: int) -> Memory:
    """A copy of the first columns of what one row has read."""
    layers = [[state[:, :, :columns].clone() for state in layer[:2]] for layer in memory.cache]
    return Memory(DynamicCache(layers), memory.mask[:, :columns])
