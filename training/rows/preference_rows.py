"""Preferences as examples of DPO, a better answer beside a worse one, and of KTO, one at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from project.canonical import digest_json
from project.chat_template import under
from project.item_prompts import bare
from project.records.adapters import Contestant
from project.records.data import Message, Row
from project.records.preferences import Preference, PreferencePair
from project.shown_passages import asked_on, with_passages
from project.tool_rendering import as_text, has_tools, of_tools

Turns = list[dict[str, str]]  # as TRL reads a conversation


@dataclass(frozen=True)
class PairExample:
    """A prompt's turns, the contestant's system prompt among them, and two answers to it."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str

    @property
    def answers(self) -> tuple[str, ...]:
        return self.chosen, self.rejected

    def turns(self) -> dict[str, Turns]:
        """As DPOTrainer reads it."""
        return {
            "prompt": as_turns(self.prompt),
            "chosen": answer_turn(self.chosen),
            "rejected": answer_turn(self.rejected),
        }


@dataclass(frozen=True)
class RatedExample:
    """The same with one answer, which is good or bad."""

    prompt: tuple[Message, ...]
    completion: str
    good: bool

    @property
    def answers(self) -> tuple[str, ...]:
        return (self.completion,)

    def turns(self) -> dict[str, Turns | bool]:
        """As KTOTrainer reads it."""
        return {
            "prompt": as_turns(self.prompt),
            "completion": answer_turn(self.completion),
            "label": self.good,
        }


def as_turns(messages: Iterable[Message]) -> Turns:
    return [{"role": turn.role, "content": turn.content} for turn in messages]


def answer_turn(text: str) -> Turns:
    return [{"role": "assistant", "content": text}]


def pair_examples(
    given: Iterable[Preference], asked: Contestant, *, system: bool = True
) -> list[PairExample]:
    """What DPO learns from, as a base is asked: of rated answers alone, nothing. `system`: whether
    the base's chat template has that role.
    """
    return [
        PairExample(prompt_messages(one, asked, system=system), one.chosen, one.rejected)
        for one in given
        if isinstance(one, PreferencePair)
    ]


def prompt_messages(one: Preference, asked: Contestant, *, system: bool) -> tuple[Message, ...]:
    """The turns of a prompt, with its tools, and calls and results of them, as texts."""
    turns = one.messages or (Message(role="user", content=one.prompt),)
    shown = under(asked.system_prompt, asked_on(turns, one.evidence, asked.evidence_template))
    told = as_text(shown, one.tools, system=system) if of_tools(shown, one.tools) else shown
    return tuple(told)


def rated_examples(
    given: Sequence[Preference],
    rows: Sequence[Row],
    asked: Contestant,
    seed: int,
    *,
    system: bool = True,
) -> list[RatedExample]:
    """What KTO learns from, each once: both answers of each pair, and the rated ones; not those
    that are better than one answer and worse than another one. Where more are bad than good,
    training rows' answers are good ones too, until both are as many: the seed and the row alone
    draw them. Rows with tools are none of these.
    """
    rated = dict.fromkeys(rated_apart(given, asked, system=system))
    found = [one for one in rated if replace(one, good=not one.good) not in rated]
    bad = sum(not one.good for one in found)
    missing = max(0, bad - (len(found) - bad))
    said = {bare(one.prompt) for one in given}
    silent = [r for r in rows if bare(r.prompt_text) not in said and not has_tools([r])]
    drawn = sorted(silent, key=lambda row: digest_json([seed, row.texts]))[:missing]
    return [*found, *(as_good(row, asked) for row in drawn)]


def as_good(row: Row, asked: Contestant) -> RatedExample:
    shown = with_passages(row, asked.evidence_template)
    return RatedExample(under(asked.system_prompt, shown.prompt), row.completion_text, True)


def rated_apart(
    given: Iterable[Preference], asked: Contestant, *, system: bool
) -> Iterator[RatedExample]:
    for one in given:
        prompt = prompt_messages(one, asked, system=system)
        if isinstance(one, PreferencePair):
            yield RatedExample(prompt, one.chosen, True)
            yield RatedExample(prompt, one.rejected, False)
        else:
            yield RatedExample(prompt, one.completion, one.label)


@dataclass(frozen=True)
class SideWeights:
    """What KTO's losses of good and of bad answers are multiplied by."""

    desirable: float
    undesirable: float


def balanced(examples: Sequence[RatedExample]) -> SideWeights:
    """Weights by which both sides count alike in all: the side with more examples is weighed down
    (Ethayarajh et al. 2024, equation 8). Both sides must be there.
    """
    good = sum(one.good for one in examples)
    bad = len(examples) - good
    return SideWeights(min(1.0, bad / good), min(1.0, good / bad))


def mixed(examples: Sequence[RatedExample], batch: int, seed: int) -> list[RatedExample]:
    """The order in which KTO takes them: good and bad evenly spread, in an order that the seed
    draws.

    KTO's reference point is the divergence on prompts with other prompts' answers: TRL gives each
    prompt of a batch the answer of the one before it. So the prompts of a batch differ where that
    can be, and a last batch of one example, whose answer would be its own, is left out.
    """
    sides: list[list[RatedExample]] = [[], []]
    for one in sorted(
        examples,
        key=lambda one: digest_json([seed, as_turns(one.prompt), one.completion, one.good]),
    ):
        sides[one.good].append(one)
    spread = [
        (Fraction(2 * i + 1, 2 * len(side)), one.good, one)
        for side in sides
        for i, one in enumerate(side)
    ]
    ordered = prompts_apart([one for *_, one in sorted(spread, key=lambda p: p[:2])], batch)
    return ordered[:-1] if len(ordered) % batch == 1 else ordered


def prompts_apart(examples: Sequence[RatedExample], batch: int) -> list[RatedExample]:
    """An example that asks what another one of its batch asks changes places with the next of its
    label that does not.
    """
    ordered = list(examples)
    for i, own in enumerate(ordered):
        asked_before = {one.prompt for one in ordered[i - i % batch : i]}
        if own.prompt in asked_before:
            others = (
                j
                for j in range(i + 1, len(ordered))
                if ordered[j].good == own.good and ordered[j].prompt not in asked_before
            )
            if (j := next(others, None)) is not None:
                ordered[i], ordered[j] = ordered[j], own
    return ordered


def fitting(examples: Sequence[Any], tokenizer: Any, window: int | None) -> list[Any]:
    """Those that the model can read to the end, prompt and longest answer together."""
    if window is None:
        return list(examples)
    return [one for one in examples if longest(one, tokenizer) <= window]


def longest(one: PairExample | RatedExample, tokenizer: Any) -> int:
    prompt = as_turns(one.prompt)
    texts = [
        tokenizer.apply_chat_template([*prompt, *answer_turn(text)], tokenize=False)
        for text in one.answers
    ]
    return max(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)
