"""Golden prompts: does a replica apply the adapter that it says it loaded?

Users of serving engines report adapters that load and do nothing, or answer with other weights
(issues 34591, 48019 and 55193 of vLLM): a status code does not show it, answers do. So a replica is
asked dev items, greedily, and its answers are held against those that the version was judged by,
against the bare base's on the same replica, and against those of the other versions there.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import fmean
from typing import NamedTuple

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import Backend, Body, Endpoint
from evaluation.report.dev_items import DevItems, kept_comparison, kept_path, kept_versions
from project.chat_template import under
from project.errors import InputError
from project.records.adapters import ModelPin
from project.records.data import Message, Row
from project.records.tool_calls import as_json
from project.shown_passages import with_passages
from project.tool_rendering import Tools, has_tools, of_tools
from project.unicode_words import words
from project.written_calls import schemas_of, written_calls
from serving.called_tools import grammar_maker, in_judged_form, shows_tools
from serving.exchange import Deployment

# --- agreement ------------------------------------------------------------------------------------

# How far two answers are the same, from their beginning on.


def agreement(answer: str, other: str) -> float:
    """The share of words, from the beginning, that are the same: 0 to 1.

    Engines round differently. Where two tokens are nearly as likely they may choose another one,
    and after it all is different; so what comes before it is what shows the weights.
    """
    if answer == other:
        return 1.0
    first, two = units(answer), units(other)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, two, strict=False)))
    return same / max(len(first), len(two), 1)


def units(text: str) -> Sequence[str]:
    """Words; characters where there are none, as in a line of code."""
    return words(text) or text.strip()


def agreement_of_answers(answer: str, other: str, tools: Tools | None) -> float:
    """The same of words; where either answer calls a tool, whether they make the same calls, with
    the same arguments as scorer `calls` compares them: 0 or 1.
    """
    schemas = schemas_of(tools)
    calls = written_calls(other, schemas) if tools else []
    if answer == other or not (calls or (tools and written_calls(answer, schemas))):
        return agreement(answer, other)
    # Imported here because a gateway whose versions call nothing need not have jsonschema.
    from evaluation.scoring.compared_calls import DueCalls

    known = [tool["function"] for tool in tools or ()]
    due = DueCalls.of(as_json({"tools": known, "calls": calls, "written": ""}))
    return due.scores(answer, set())["calls_right"] if due else 0.0


# --- dev answers ----------------------------------------------------------------------------------

# What a version answered on dev when it was judged, as far as it is kept on this machine.

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DevAnswers:
    """What was asked, and the version's first answer, by the items' ids."""

    rows: Mapping[str, Row]
    texts: Mapping[str, str]

    def prompts(self, items: Iterable[str]) -> "Prompts":
        return {i: GoldenPrompt(self.rows[i].prompt, self.rows[i].tools) for i in items}


def dev_answers(family: str, version: int, template: str | None = None) -> DevAnswers | None:
    """The version's answers, out of its own dev items or those of a version compared with it. It
    was asked with the passages of rows by its `template`, where it has one.
    """
    try:
        if kept_path(family, version).is_file():
            return answers_in(family, version, template, own=True)
        for other in kept_versions(family):
            if kept_comparison(kept_path(family, other)).opponent.version == version:
                return answers_in(family, other, template, own=False)
    except InputError as error:
        log.warning("the dev items of v%d cannot be read: %s", version, error)
    return None


def answers_in(family: str, version: int, template: str | None, *, own: bool) -> DevAnswers | None:
    kept = DevItems.kept(kept_path(family, version)).items
    items = [item for item in kept if not item.row.scenario]  # one question has no conversation
    if not items:
        return None
    return DevAnswers(
        rows={item.row.id: with_passages(item.row, template) for item in items},
        texts={item.row.id: item.challenger if own else item.champion for item in items},
    )


# --- golden prompts -------------------------------------------------------------------------------

CANDIDATES = 3  # times as many items are asked of the bare base at a time as are golden prompts
MOST = 4  # times that further ones are asked, where the bare base answers like the version
UNLIKE = 0.5  # agreement with the bare base, at most, of an item that tells the two apart
# The share of an answer, from its beginning, that must be the evidence's; on average. Engines round
# differently, so that a word may differ, and all that follows it. An answer that calls tools is the
# evidence's where its calls are.
AGREEMENT = 0.5
LONGEST = 100_000  # characters of an answer that are compared; a replica may send any number
LONG = 16  # words; a longer answer shows no more
# Asked where no dev items are kept: whatever an adapter is for, it changes some of these answers.
PLAIN = (
    "What can you help me with?",
    "Give me an example of a question that you answer well.",
    "I have a problem. What do you need to know?",
    "Say in one sentence what matters most here.",
)


class GoldenError(Exception):
    """A replica does not answer as the version that it was asked to load; says how that shows."""


@dataclass(frozen=True)
class Subject:
    """A version on a replica, and what it answered on dev; None: that is not kept here."""

    deployment: Deployment
    judged: DevAnswers | None


@dataclass(frozen=True)
class Passed:
    prompts: int
    agreement: float | None  # with the evidence's answers; None: there are none to compare with

    def __str__(self) -> str:
        if self.agreement is None:
            return (
                f"answers {self.prompts} prompts; the version's dev items are not kept here, so "
                "that there is nothing to compare with"
            )
        return f"answers {self.prompts} golden prompts as it was judged ({self.agreement:.2f})"


class GoldenPrompt(NamedTuple):
    messages: Sequence[Message]
    tools: Tools | None = None  # that may be called in an answer


Texts = Mapping[str, str]  # answers by item
Prompts = Mapping[str, GoldenPrompt]


@dataclass(frozen=True)
class Replica:
    """How it is asked: greedily, as the version was judged; a hosted model as the settings have
    it, for some take no other temperature than theirs.
    """

    backend: Backend
    system_prompt: str | None
    decoding: Decoding
    base: ModelPin
    engine: str  # as serving.backend names it
    temperature: float = 0.0

    async def ask(self, model: str, prompts: Prompts) -> dict[str, str]:
        # To see what a base's template shows takes seconds.
        bodies = await asyncio.to_thread(
            lambda: [self.body(model, prompt) for prompt in prompts.values()]
        )
        answers = await asyncio.gather(
            *(self.backend.answer(Endpoint.CHAT, body) for body in bodies)
        )
        return dict(zip(prompts, map(text_of, answers), strict=True))

    def body(self, model: str, prompt: GoldenPrompt) -> Body:
        turns = under(self.system_prompt, prompt.messages)
        natively = of_tools(turns, prompt.tools) and bool(self.natively)
        told = in_judged_form(turns, prompt.tools, self.engine, natively=natively)
        for tool in told.get("tools", ()):  # a caller's wish, by which nobody was judged
            tool["function"].pop("strict", None)
        maker = grammar_maker(self.base) if self.decoding.constrained else None
        if maker and maker.form and self.engine == "vllm":
            told |= maker.fields_of_tools(prompt.tools, "a golden prompt")
        elif maker and "tools" in told:
            told["constrained"] = True
        return {
            "model": model,
            **told,
            "temperature": self.temperature,
            "max_tokens": self.decoding.max_new_tokens,
        }

    @property
    def natively(self) -> bool | None:
        """Whether the engine is given tools, and not texts of them; None: texts, though the version
        was judged with tools.
        """
        shown = shows_tools(self.base)
        if shown is None or self.base.hosted:
            return shown
        if self.engine == "embedded":  # it looks itself what the template takes
            return True
        return shown if self.engine in ("vllm", "sglang") else (None if shown else False)


@dataclass(frozen=True)
class GoldenPrompts:
    """What a replica is asked, and what its bare base answers to it."""

    prompts: Prompts
    bare: Texts


# Dev items that a replica is asked: of draws of eight, 97 % pass with the right adapter and 6 %
# with half of it; of draws of four 91 % and 13 % (`python -m benchmarks.golden_agreement`).
PROMPTS = 8


async def choose_prompts(
    replica: Replica, judged: DevAnswers | None, rivals: Sequence[Subject], most: int
) -> GoldenPrompts:
    """The items whose judged answers are least like those that the bare base gives on this replica.

    To be done before the adapter is loaded: vLLM 0.32 on a CPU answers what is asked of the bare
    base with an adapter's weights, where both are in one batch.
    """
    base = (await replica.backend.names()).base
    if judged is None:
        return GoldenPrompts(plain := plain_prompts(), await replica.ask(base, plain))
    order = await asyncio.to_thread(candidates, replica, judged, rivals)
    step = CANDIDATES * most
    bare, alike = dict[str, str](), dict[str, float]()
    for start in range(0, min(len(order), MOST * step), step):
        asked = judged.prompts(order[start : start + step])
        bare |= await replica.ask(base, asked)
        for item, (_, tools) in asked.items():
            alike[item] = agreement_of_answers(judged.texts[item], bare[item], tools)
        if sum(share <= UNLIKE for share in alike.values()) >= most:
            break
    # Least alike first; in order of `bare` where they are equally alike.
    chosen = sorted(bare, key=lambda item: round(alike[item], 1))[:most]
    return GoldenPrompts(judged.prompts(chosen), bare)


async def check_answers(
    replica: Replica,
    subject: Subject,
    rivals: Sequence[Subject],
    golden: GoldenPrompts,
    *,
    fresh: bool,
) -> Passed:
    """Ask a replica that has loaded a version; `rivals` are the others that it holds. `fresh`: the
    bare base was asked before it was loaded.

    Raises GoldenError, and BackendError where the replica does not answer.
    """
    judged, prompts = subject.judged, golden.prompts
    answers = await replica.ask(subject.deployment.name, prompts)
    share = mean_agreement(answers, judged.texts, prompts) if judged else None
    others = {r.deployment.label: await rival_answers(replica, r, prompts) for r in rivals}
    if fresh or share is None or share < AGREEMENT:
        # Where the judged answers are the bare base's too, nobody can see whether it is applied.
        if same_words(answers, golden.bare):
            raise GoldenError(
                "its answers are those of the bare base, word for word: the replica does not apply "
                "the adapter, or the adapter changes nothing"
            )
        others["the bare base"] = golden.bare
    refuse_rival_answers(answers, others, judged, prompts)
    if share is not None and share < AGREEMENT:
        raise GoldenError(low(share, AGREEMENT))
    return Passed(len(answers), share)


async def check_bare(replica: Replica, subject: Subject, least: float) -> Passed:
    """Ask a version without an adapter. Raises GoldenError where it answers nothing, or less as it
    was judged than `least`.
    """
    judged, prompts = subject.judged, plain_prompts()
    if judged:
        order = await asyncio.to_thread(candidates, replica, judged, [])
        prompts = judged.prompts(order[:PROMPTS])
    answers = await replica.ask(subject.deployment.name, prompts)
    if not any(answers.values()):
        raise GoldenError("every answer is empty")
    share = mean_agreement(answers, judged.texts, prompts) if judged else None
    if share is not None and share < least:
        raise GoldenError(low(share, least))
    return Passed(len(answers), share)


def plain_prompts() -> Prompts:
    return {text: GoldenPrompt([Message(role="user", content=text)]) for text in PLAIN}


def text_of(answer: Body) -> str:
    """Raises GoldenError for what is no answer."""
    try:
        return str(answer["choices"][0]["message"]["content"] or "")[:LONGEST].strip()
    except (KeyError, IndexError, TypeError):
        raise GoldenError("it answers something else than a chat completion") from None


def candidates(replica: Replica, judged: DevAnswers, rivals: Sequence[Subject]) -> list[str]:
    """All items: first those that are shown to the replica as they were when the version was
    judged; of these those whose answers were least like the other versions'; of those, long answers
    to short prompts.
    """
    texts_only = has_tools(judged.rows.values()) and replica.natively is None
    others = [rival.judged.texts for rival in rivals if rival.judged]

    def order(item: str) -> tuple[bool, float, int, int, str]:
        answer, row = judged.texts[item], judged.rows[item]
        theirs = [o[item] for o in others if item in o]
        likeness = max((agreement_of_answers(answer, o, row.tools) for o in theirs), default=0.0)
        words, late = min(len(answer.split()), LONG), texts_only and has_tools([row])
        return late, round(likeness, 1), -words, len(row.prompt_text), item

    return sorted(judged.texts, key=order)


def mean_agreement(answers: Texts, others: Texts, prompts: Prompts) -> float:
    """Over the items of the first."""
    return fmean(
        agreement_of_answers(text, others[item], prompts[item].tools)
        for item, text in answers.items()
    )


def same_words(answers: Texts, others: Texts) -> bool:
    return all(agreement(text, others[item]) == 1.0 for item, text in answers.items())


async def rival_answers(replica: Replica, rival: Subject, prompts: Prompts) -> Texts:
    """What another version answers: as it was judged where that is kept, else asked here."""
    if rival.judged and all(item in rival.judged.texts for item in prompts):
        return rival.judged.texts
    return await replica.ask(rival.deployment.name, prompts)


def refuse_rival_answers(
    answers: Texts, others: Mapping[str, Texts], judged: DevAnswers | None, prompts: Prompts
) -> None:
    """Raise GoldenError for answers that are somebody else's, or nearer to theirs than to those
    that the version was judged by.
    """
    share = mean_agreement(answers, judged.texts, prompts) if judged else 1.0
    for label, texts in others.items():
        theirs = mean_agreement(answers, texts, prompts)
        if same_words(answers, texts) and not same_as_judged(answers, judged, texts):
            raise GoldenError(
                f"its answers are those of {label}, word for word: the replica does not apply "
                "this version's weights"
            )
        if theirs > share:
            raise GoldenError(
                f"its answers are more like those of {label} ({theirs:.2f}) than like those that "
                f"the version was judged by ({share:.2f})"
            )


def same_as_judged(answers: Texts, judged: DevAnswers | None, texts: Texts) -> bool:
    """Whether two versions were judged by the same answers here, so that these tell nothing."""
    return judged is not None and all(judged.texts[item] == texts[item] for item in answers)


def low(agreement: float, asked: float) -> str:
    return (
        f"on average {agreement:.2f} of an answer, from its beginning, is as the version was "
        f"judged, and {asked:.2f} must be: compare the replica's base, "
        "its quantisation, its chat template and the adapter's scale (lora_alpha) with the "
        "version's"
    )
