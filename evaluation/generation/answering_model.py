"""A base model, with an adapter on it or bare, that answers prompts, many side by side.

A row that has ended gives its place in the batch to one that waits, so that none is computed until
the batch's longest answer ends (iteration-level scheduling: Yu et al. 2022, "Orca", OSDI). What all
prompts begin with is read once.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random
from traceback import clear_frames
from typing import TypeVar

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import SEED, Answer, TooLongError
from evaluation.generation.batch_reader import BatchReader, Memory, Tokens, chat_tokens
from evaluation.generation.constraints import Sieve, Sieves, Wanted
from project.chat_template import refuse_unheard, under
from project.errors import IncumbentError
from project.gpu import answering_map, card_here
from project.libraries import processor_kind
from project.paths import NUMERICS
from project.records.adapters import Numerics, Precision
from project.records.data import Message, Row
from project.tool_rendering import shown

T = TypeVar("T")


def refuse_other_machine(numerics: Numerics) -> None:
    """Raise IncumbentError where answers made here would pass for another machine's."""
    card = card_here(torch)
    here = card.name if card else processor_kind()
    if numerics.processor != here:
        raise IncumbentError(
            f"{NUMERICS} is of another kind of machine, {numerics.processor}, and this is {here}: "
            "run `dvc repro`"
        )


def cast_adapter(model: PeftModel, dtype: torch.dtype) -> None:
    """Let an adapter compute in the precision of its base, whatever it was saved in.

    Of its weights alone: a base without an adapter keeps its buffers in float32, and so must this.
    """
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.to(dtype)


def mean_logprob(logits: Tensor, tokens: Tensor) -> float:
    return -cross_entropy(logits, tokens).item()


@dataclass
class Draft:
    """An answer in the making."""

    row: Row
    prompt: Tokens
    sample: int
    chance: Random  # what its tokens are drawn by
    tokens: Tokens = field(default_factory=list)
    ended: bool = False
    sieve: Sieve | None = None  # what its tokens are held to


class AnsweringModel:
    """Loads from local folders; adapter None means the bare base.

    An adapter is not merged, and computes in the same precision as its base. The system prompt
    comes in front of every row's own.
    """

    def __init__(
        self,
        base: Path,
        adapter: Path | None,
        decoding: Decoding,
        precision: Precision,
        system_prompt: str | None = None,
    ) -> None:
        self.decoding = decoding
        self.halved = 0  # times: how many prompts are read side by side
        self.system_prompt = system_prompt
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        refuse_unheard(self.tokenizer, system_prompt, base)
        dtype = getattr(torch, precision)
        places = answering_map(card_here(torch), os.environ)
        model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, device_map=places)
        ends = model.generation_config.eos_token_id
        self.ends = frozenset(ends if isinstance(ends, list) else [ends])
        positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.context = positions or inf  # tokens of a prompt and its answer, at most
        if adapter:
            model = PeftModel.from_pretrained(model, adapter)
            cast_adapter(model, dtype)
        self.reader = BatchReader(model.eval())
        vocabulary = model.get_output_embeddings().weight.shape[0]
        held = decoding.constrained
        self.sieves = Sieves(self.tokenizer, self.ends, vocabulary) if held else None

    @torch.inference_mode()
    def answer(self, rows: Sequence[Row], samples: int = 1, first: int = 0) -> Iterator[Answer]:
        """Yield each row's answers when they end: at an end token, or at max_new_tokens.

        Sampling settings and penalties that come with the model are left aside. Raises
        TooLongError for a prompt that leaves no room for an answer in the model's context.
        """
        numbers = range(first, first + samples)
        drafts = [draft for row in rows for draft in self.drafts(row, numbers)]
        while drafts:
            try:
                for draft in DecodingBatch(self, drafts).run():
                    yield self.answer_of(draft)
                return
            except torch.OutOfMemoryError as error:
                self.halve(error)
            drafts = [self.afresh(draft) for draft in drafts if not draft.ended]

    def answer_of(self, draft: Draft) -> Answer:
        completion = self.completion(draft.row, draft.prompt)
        text = self.text(completion) if draft.row.calls else ""
        return Answer(
            item=draft.row.id,
            text=self.text(draft.tokens),
            tokens=len(draft.tokens),
            prompt_tokens=len(draft.prompt),
            reference_tokens=len(completion) or None,
            reference=text if text and text != draft.row.completion_text else None,
            sample=draft.sample,
        )

    def text(self, tokens: Tokens) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()

    def drafts(self, row: Row, samples: Iterable[int]) -> list[Draft]:
        """What a row's answers grow from; their draws hang on what is asked and on nothing else."""
        prompt = self.prompt(row)
        return [Draft(row, prompt, i, self.chance(row, i)) for i in samples]

    def afresh(self, draft: Draft) -> Draft:
        return Draft(draft.row, draft.prompt, draft.sample, self.chance(draft.row, draft.sample))

    def chance(self, row: Row, sample: int) -> Random:
        return Random(f"{SEED} {sample} {row.prompt_text}")

    @property
    def side_by_side(self) -> int:
        """Prompts: as many as the settings say, or fewer where a GPU's memory is too small."""
        return max(1, self.decoding.batch_size >> self.halved)

    def halve(self, error: torch.OutOfMemoryError) -> None:
        """From now on read half as many prompts side by side; say so, for it may move the last bit
        of a logit. Raises IncumbentError where there is but one.
        """
        clear_frames(error.__traceback__)  # they hold what filled the memory
        if self.side_by_side == 1:
            first = str(error).partition(". ")[0]
            raise IncumbentError(f"the GPU has no memory for one prompt and its answer: {first}")
        self.halved += 1
        torch.cuda.empty_cache()
        told = f"{self.side_by_side} prompts side by side from now on: more exceed the GPU's memory"
        print(told, file=sys.stderr, flush=True)

    @torch.inference_mode()
    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        """Of each row's completion given its prompt: the mean log-probability of a token, in nats.

        The end token counts. None where the chat template does not put the completion behind the
        prompt as it stands, or where both together exceed the model's context.
        """
        return self.read_completions(rows, mean_logprob)

    def read_completions(
        self, rows: Sequence[Row], measure: Callable[[Tensor, Tensor], T]
    ) -> list[T | None]:
        """A measure of each row's completion, of its logits [tokens, vocabulary] and its tokens."""
        prompts = [self.prompt(row) for row in rows]
        pairs = [(p, self.completion(row, p)) for row, p in zip(rows, prompts, strict=True)]
        prefix = self.reader.shared(prompts)
        order = [i for i, (_, completion) in enumerate(pairs) if completion]
        order.sort(key=lambda i: -len(pairs[i][0] + pairs[i][1]))
        measured: dict[int, T] = {}
        while len(measured) < len(order):
            chosen = order[len(measured) : len(measured) + self.side_by_side]
            try:
                measures = self.read_pairs([pairs[i] for i in chosen], prefix, measure)
            except torch.OutOfMemoryError as error:
                self.halve(error)
            else:
                measured.update(zip(chosen, measures, strict=True))
        return [measured.get(i) for i in range(len(rows))]

    def read_pairs(
        self,
        pairs: Sequence[tuple[Tokens, Tokens]],
        prefix: Memory,
        measure: Callable[[Tensor, Tensor], T],
    ) -> list[T]:
        """A measure of each pair's second part given its first, all read in one forward pass."""
        longest = max(len(completion) for _, completion in pairs)
        texts = [prompt + completion for prompt, completion in pairs]
        _, logits = self.reader.read_after(prefix, texts, keep=longest + 1)
        return [
            measure(scores[-len(c) - 1 : -1].float(), torch.tensor(c, device=scores.device))
            for scores, (_, c) in zip(logits, pairs, strict=True)
        ]

    def prompt(self, row: Row) -> Tokens:
        """The prompt's tokens; raises TooLongError when an answer to them exceeds the context."""
        tokens = self.tokens(row, row.prompt, add_generation_prompt=True)
        if len(tokens) + self.decoding.max_new_tokens > self.context:
            raise TooLongError(
                row.id,
                f"{row} has a prompt of {len(tokens)} tokens: with "
                f"evaluation.decoding.max_new_tokens ({self.decoding.max_new_tokens}) more than "
                f"the model's context ({self.context})",
            )
        return tokens

    def completion(self, row: Row, prompt: Tokens) -> Tokens:
        """The completion's tokens up to its last end token; none when they cannot be found."""
        whole = self.tokens(row, (*row.prompt, *row.completion))
        ends = [i + 1 for i, token in enumerate(whole) if token in self.ends and i >= len(prompt)]
        whole = whole[: ends[-1]] if ends else whole
        follows = whole[: len(prompt)] == prompt and len(whole) <= self.context
        return whole[len(prompt) :] if follows else []

    def tokens(
        self, row: Row, messages: Sequence[Message], *, add_generation_prompt: bool = False
    ) -> Tokens:
        chat, tools = shown(self.tokenizer, under(self.system_prompt, messages), row.tools)
        begin = add_generation_prompt
        return chat_tokens(self.tokenizer, chat, tools=tools, add_generation_prompt=begin)

    def extend(self, drafts: Sequence[Draft], logits: Tensor) -> None:
        """Give each draft that has not ended its next token; logits [drafts, 1, vocabulary]."""
        logits = logits[:, -1].clone() if self.sieves else logits[:, -1]
        for draft, scores in zip(drafts, logits, strict=True):
            if draft.sieve and not draft.ended:
                draft.sieve.sift(scores)
        for draft, token in zip(drafts, self.next_tokens(drafts, logits), strict=True):
            if not draft.ended:
                draft.tokens.append(token)
                full = len(draft.tokens) == self.decoding.max_new_tokens
                draft.ended = full or token in self.ends
                if draft.sieve and not draft.ended:
                    draft.sieve.take(token)

    def sieve(self, row: Row) -> Sieve | None:
        """Raises InputError for tools that no grammar can be made of."""
        return self.sieves.of(Wanted(row.tools), str(row)) if self.sieves and row.tools else None

    def next_tokens(self, drafts: Sequence[Draft], logits: Tensor) -> Tokens:
        """The likeliest tokens, or at a temperature those at which the probabilities, summed up in
        the order of the vocabulary, pass a number that is drawn for each draft; logits [drafts, …].
        """
        if not self.decoding.temperature:
            return logits.argmax(-1).tolist()
        passed = (logits.double() / self.decoding.temperature).softmax(-1).cumsum(-1)
        drawn = [[draft.chance.random()] for draft in drafts]
        points = passed[:, -1:] * torch.tensor(drawn, dtype=passed.dtype, device=passed.device)
        return torch.searchsorted(passed, points, right=True).flatten().tolist()


class DecodingBatch:
    """Drafts that grow side by side by a token a step, and drafts that wait for a place."""

    def __init__(self, model: AnsweringModel, drafts: Sequence[Draft]) -> None:
        self.model = model
        self.reader = model.reader
        for draft in drafts:
            draft.sieve = model.sieve(draft.row)
        self.waiting = deque(
            sorted(drafts, key=lambda draft: (-len(draft.prompt), draft.row.id, draft.sample))
        )
        self.prefix = self.reader.shared([draft.prompt for draft in drafts])
        self.drafts: list[Draft] = []
        self.memory = self.reader.unread(0)

    def run(self) -> Iterator[Draft]:
        """Yield each draft when it ends."""
        while self.waiting or self.drafts:
            grown = self.regroup() if self.worth_regrouping() else self.step()
            yield from (draft for draft in grown if draft.ended)

    def worth_regrouping(self) -> bool:
        """Whether a quarter has ended: to copy the memory and to read prompts costs some steps."""
        ended = sum(draft.ended for draft in self.drafts)
        return ended * (4 if self.reader.can_regroup else 1) >= len(self.drafts)

    def regroup(self) -> list[Draft]:
        """Drop what has ended and let waiting drafts in; returns these, with their first token."""
        alive = [i for i, draft in enumerate(self.drafts) if not draft.ended]
        room = self.model.side_by_side - len(alive)
        new = [self.waiting.popleft() for _ in range(min(room, len(self.waiting)))]
        if alive:
            self.memory = self.memory.rows(alive)
        if new:
            memory, logits = self.reader.read_after(self.prefix, [draft.prompt for draft in new])
            self.memory = self.memory.above(memory) if alive else memory
            self.model.extend(new, logits)
        self.drafts = [self.drafts[i] for i in alive] + new
        return new

    def step(self) -> list[Draft]:
        """Add a token to each draft that has not ended; returns these."""
        alive = [draft for draft in self.drafts if not draft.ended]
        logits = self.reader.read(self.memory, [draft.tokens[-1:] for draft in self.drafts])
        self.model.extend(self.drafts, logits)
        return alive
