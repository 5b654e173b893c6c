"""Preferences as examples of DPO, a better answer beside a worse one, and of KTO, one at a time."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

from project.canonical import digest_json
from project.chat_template import under
from project.errors import InputError
from project.item_prompts import bare
from project.paths import PREFERENCE_DATA
from project.records.adapters import Contestant
from project.records.data import Message, Row
from project.records.preferences import Preference, PreferencePair
from project.records.record import Digest
from project.records.tool_calls import CalledFunction, ToolCall, as_json
from project.shown_passages import asked_on, with_passages
from project.tool_rendering import (
    Turns,
    UnshownError,
    as_text,
    has_tools,
    in_order,
    knows_tools,
    native,
    of_tools,
    rendered,
    takes_system,
)
from project.untrusted_input import shortened
from project.written_calls import schemas_of, words_beside, written_calls


class TemplateParts(NamedTuple):
    """What the base's chat template shows of a conversation by itself."""

    system: bool = True
    tools: bool = False

    @classmethod
    def of(cls, tokenizer: Any) -> "TemplateParts":
        return cls(takes_system(tokenizer), knows_tools(tokenizer))


@dataclass(frozen=True)
class PairExample:
    """A prompt's turns, the contestant's system prompt among them, and two answers to it."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    tools: str | None = None  # in JSON, where the base's chat template shows them

    @property
    def answers(self) -> tuple[str, ...]:
        return self.chosen, self.rejected

    def turns(self) -> dict[str, Any]:
        """As DPOTrainer reads it."""
        asked, chosen = with_answer(self, self.chosen)
        _, rejected = with_answer(self, self.rejected)
        return {"prompt": asked, "chosen": chosen, "rejected": rejected, "tools": self.tools}


@dataclass(frozen=True)
class RatedExample:
    """The same with one answer, which is good or bad."""

    prompt: tuple[Message, ...]
    completion: str
    good: bool
    tools: str | None = None  # as of a pair

    @property
    def answers(self) -> tuple[str, ...]:
        return (self.completion,)

    def turns(self) -> dict[str, Any]:
        """As KTOTrainer reads it."""
        asked, answered = with_answer(self, self.completion)
        return {"prompt": asked, "completion": answered, "label": self.good, "tools": self.tools}


def with_answer(example: PairExample | RatedExample, text: str) -> tuple[Turns, Turns]:
    """The turns of a prompt, and that of an answer to it: calls are texts but where the base's chat
    template shows them.
    """
    answer = Message(role="assistant", content=text)
    if not of_tools(example.prompt, example.tools):
        return as_turns(example.prompt), as_turns([answer])
    written = written_calls(text, schemas_of(json.loads(example.tools or "[]")))
    calls = [
        ToolCall(function=CalledFunction(name=call.name, arguments=as_json(call.arguments)))
        for call in written
        if call.name and call.arguments is not None
    ]
    if calls and len(calls) == len(written):  # what cannot be read as a call stays a text
        fields = {"content": words_beside(text), "tool_calls": tuple(calls)}
        answer = answer.model_copy(update=fields)
    *asked, answered = native([*example.prompt, answer])
    return asked, [answered]


def as_turns(messages: Iterable[Message]) -> Turns:
    return [{"role": turn.role, "content": turn.content} for turn in messages]


def pair_examples(
    given: Iterable[Preference], asked: Contestant, template: TemplateParts | None = None
) -> list[PairExample]:
    """What DPO learns from, as a base is asked: of rated answers alone, nothing."""
    return [
        PairExample(prompt, preference.chosen, preference.rejected, tools)
        for preference in given
        if isinstance(preference, PreferencePair)
        for prompt, tools in [as_shown(preference, asked, template or TemplateParts())]
    ]


def as_shown(
    preference: Preference, asked: Contestant, template: TemplateParts
) -> tuple[tuple[Message, ...], str | None]:
    """The turns of a prompt, and its tools: as texts, but where the template shows them."""
    turns = preference.messages or (Message(role="user", content=preference.prompt),)
    shown = under(
        asked.system_prompt, asked_on(turns, preference.evidence, asked.evidence_template)
    )
    if not of_tools(shown, preference.tools):
        return tuple(shown), None
    if template.tools:
        return tuple(shown), as_json(
            list(map(in_order, preference.tools))
        ) if preference.tools else None
    return tuple(as_text(shown, preference.tools, system=template.system)), None


def rated_examples(
    given: Sequence[Preference],
    rows: Sequence[Row],
    asked: Contestant,
    seed: int,
    template: TemplateParts | None = None,
) -> list[RatedExample]:
    """What KTO learns from, each once: both answers of each pair, and the rated ones; not those
    that are better than one answer and worse than another one. Where more are bad than good,
    training rows' answers are good ones too, until both are as many: the seed and the row alone
    draw them. Rows with tools are none of these.
    """
    rated = dict.fromkeys(rated_apart(given, asked, template or TemplateParts()))
    agreed = [example for example in rated if replace(example, good=not example.good) not in rated]
    bad = sum(not example.good for example in agreed)
    missing = max(0, bad - (len(agreed) - bad))
    prompts = {bare(preference.prompt) for preference in given}
    silent = [r for r in rows if bare(r.prompt_text) not in prompts and not has_tools([r])]
    drawn = sorted(silent, key=lambda row: digest_json([seed, row.texts]))[:missing]
    return [*agreed, *(as_good(row, asked) for row in drawn)]


def as_good(row: Row, asked: Contestant) -> RatedExample:
    shown = with_passages(row, asked.evidence_template)
    return RatedExample(under(asked.system_prompt, shown.prompt), row.completion_text, True)


def rated_apart(
    given: Iterable[Preference], asked: Contestant, template: TemplateParts
) -> Iterator[RatedExample]:
    for preference in given:
        prompt, tools = as_shown(preference, asked, template)
        if isinstance(preference, PreferencePair):
            yield RatedExample(prompt, preference.chosen, True, tools)
            yield RatedExample(prompt, preference.rejected, False, tools)
        else:
            yield RatedExample(prompt, preference.completion, preference.label, tools)


@dataclass(frozen=True)
class SideWeights:
    """What KTO's losses of good and of bad answers are multiplied by."""

    desirable: float
    undesirable: float


def balanced(examples: Sequence[RatedExample]) -> SideWeights:
    """Weights by which both sides count alike in all: the side with more examples is weighed down
    (Ethayarajh et al. 2024, equation 8). Both sides must be there.
    """
    good = sum(example.good for example in examples)
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

    def place(example: RatedExample) -> Digest:
        more = [example.turns()] if of_tools(example.prompt, example.tools) else []
        return digest_json(
            [seed, as_turns(example.prompt), example.completion, example.good, *more]
        )

    for rated in sorted(examples, key=place):
        sides[rated.good].append(rated)
    spread = [
        (Fraction(2 * i + 1, 2 * len(side)), example.good, example)
        for side in sides
        for i, example in enumerate(side)
    ]
    ordered = prompts_apart([example for *_, example in sorted(spread, key=lambda p: p[:2])], batch)
    return ordered[:-1] if len(ordered) % batch == 1 else ordered


def prompts_apart(examples: Sequence[RatedExample], batch: int) -> list[RatedExample]:
    """An example that asks what another one of its batch asks changes places with the next of its
    label that does not.
    """
    ordered = list(examples)
    for i, example in enumerate(ordered):
        asked_before = {earlier.prompt for earlier in ordered[i - i % batch : i]}
        if example.prompt in asked_before:
            others = (
                j
                for j in range(i + 1, len(ordered))
                if ordered[j].good == example.good and ordered[j].prompt not in asked_before
            )
            if (j := next(others, None)) is not None:
                ordered[i], ordered[j] = ordered[j], example
    return ordered


def fitting(examples: Sequence[Any], tokenizer: Any, window: int | None) -> list[Any]:
    """Those that the model can read to the end, prompt and longest answer together. Raises
    InputError for one that the base's chat template does not show whole.
    """
    sizes = [longest(example, tokenizer) for example in examples]
    return [e for e, size in zip(examples, sizes, strict=True) if not window or size <= window]


def longest(example: PairExample | RatedExample, tokenizer: Any) -> int:
    tools = json.loads(example.tools) if example.tools else None
    sizes = []
    for answer in example.answers:
        asked, answered = with_answer(example, answer)
        try:
            text = rendered(tokenizer, [*asked, *answered], tools)
        except UnshownError as error:
            problem = (
                f"the answer {shortened(answer)}: {error}: take it out, or choose another base"
            )
            raise InputError(problem, file=PREFERENCE_DATA) from None
        sizes.append(len(tokenizer(text, add_special_tokens=False)["input_ids"]))
    return max(sizes)
