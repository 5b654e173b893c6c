"""Drafts that grow side by side by a token a step, whichever adapters they are on.

A new one joins at the next step, and one that has ended gives its place to it (iteration-level
scheduling: Yu et al. 2022, "Orca", OSDI).
"""

from collections import deque
from collections.abc import Sequence

import torch

from serving.embedded.adapters_on_base import AdaptersOnBase
from serving.embedded.draft import Draft
from serving.embedded.next_token import next_tokens
from serving.embedded.prompt_prefixes import PromptPrefixes


class RunningBatch:
    def __init__(self, model: AdaptersOnBase, size: int) -> None:
        self.model = model
        self.reader = model.reader
        self.size = size
        self.prefixes = PromptPrefixes(model.reader)
        self.waiting: deque[Draft] = deque()
        self.joining: list[Draft] = []  # taken from those that wait; their prompts are being read
        self.drafts: list[Draft] = []
        self.memory = self.reader.unread(0)

    @property
    def unfinished(self) -> list[Draft]:
        known = dict.fromkeys((*self.drafts, *self.joining, *self.waiting))  # each of them once
        return [draft for draft in known if not draft.ended]

    @torch.inference_mode()
    def step(self) -> None:
        """One token for each draft that runs, or the first one for those that join."""
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
        joins = self.waiting and len(self.drafts) - ended < self.size
        return bool(joins) or ended * 4 >= len(self.drafts)

    def regroup(self) -> None:
        """Drop what has ended, and let waiting drafts in with their first token."""
        self.drop_ended()
        self.take_waiting(self.size - len(self.drafts))
        together = by_adapter if self.reader.can_regroup else all_at_once
        for group in together(self.joining):
            self.read_prompts(group)
        self.joining = []

    def read_prompts(self, new: list[Draft]) -> None:
        """Those of one adapter together: they may begin alike. Of several where a batch, once read,
        cannot grow; then no beginning is known.
        """
        prompts = [draft.question.prompt for draft in new]
        prefix = self.prefixes.read(new[0].adapter, prompts)
        self.model.read_as([draft.adapter for draft in new])
        memory, logits = self.reader.read_after(prefix, prompts)
        self.prefixes.learn(new[0].adapter, prompts, memory)
        self.memory = self.memory.above(memory) if self.drafts else memory
        self.drafts += new
        self.extend(new, logits[:, -1])

    def drop_ended(self) -> None:
        alive = [i for i, draft in enumerate(self.drafts) if not draft.ended]
        if len(alive) < len(self.drafts):
            self.memory = self.memory.rows(alive) if alive else self.reader.unread(0)
            self.drafts = [self.drafts[i] for i in alive]

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

    def extend(self, drafts: Sequence[Draft], logits: torch.Tensor) -> None:
        rows = [(draft.question.sampling, draft.chance) for draft in drafts]
        for draft, token in zip(drafts, next_tokens(logits, rows), strict=True):
            if not draft.ended:
                draft.add(token, end=token in self.model.ends)


def by_adapter(drafts: Sequence[Draft]) -> list[list[Draft]]:
    groups: dict[str | None, list[Draft]] = {}
    for draft in drafts:
        groups.setdefault(draft.adapter, []).append(draft)
    return list(groups.values())


def all_at_once(drafts: Sequence[Draft]) -> list[list[Draft]]:
    return [list(drafts)] if drafts else []
