"""What a run trains and answers, in rows and tokens, as exactly as the project's files tell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import ceil
from pathlib import Path
from statistics import fmean

from evaluation.evaluation_settings import HELD_OUT_SHARE
from evaluation.generation.answers import Role
from evaluation.suites.every_suite import GENERAL, suites_on
from evaluation.suites.general_ability import SUITE
from incumbent.planning.row_lengths import (
    AROUND_PROMPT,
    Beside,
    Lengths,
    RowLengths,
    RunSettings,
    estimate,
    tokens,
)
from project.paths import CURATED_DOCUMENTS, CURATED_PREFERENCES, EVIDENCE, PREFERENCE_DATA
from project.records.data import Document, Split, TokenCount
from project.records.evidence import Evidence
from project.records.preferences import Preference, PreferencePair, read_preferences
from training.cost.memory import StepWork
from training.recipe import StepName
from training.training_settings import (
    DOCUMENTS_HELD_OUT,
    DistillParams,
    DomainParams,
    GrpoParams,
    StepParams,
)

# What is held against an answer: KTO reads another prompt's answer too, with the model as it is
# (Ethayarajh et al. 2024, arXiv 2402.01306, section 4.1), and both with the model that it was.
MISMATCHED = 1
SOURCES: dict[StepName, Path] = {
    "domain": CURATED_DOCUMENTS,
    "dpo": PREFERENCE_DATA,
    "kto": PREFERENCE_DATA,
}


def steps_of(
    rows: Sequence[TokenCount], settings: RunSettings, beside: Beside | None = None
) -> dict[StepName, StepWork]:
    """Of each step that is taken and whose data is known; `rows` are the training rows, and what
    is beside them is in the project's files where it is not given.
    """
    beside = beside or in_files()
    works = {
        "domain": domain(beside.documents, settings.domain, settings.base.max_length),
        "sft": sft(rows[: settings.sft.rows], settings.sft),
        "distill": distill(rows, settings.distill),
        "dpo": dpo(beside.preferences, settings),
        "kto": kto(rows, beside.preferences, settings),
        "grpo": grpo(rows, settings.grpo),
    }
    return {name: work for name in settings.taken if (work := works[name])}


def sft(rows: Sequence[TokenCount], params: StepParams) -> StepWork:
    return work_of(list(map(length, rows)), [count.completion for count in rows], params)


def distill(rows: Sequence[TokenCount], params: DistillParams) -> StepWork:
    """Each prompt with an answer that the model draws, and that the teacher reads too."""
    drawn = params.max_new_tokens
    lengths = [count.prompt + drawn for count in rows]
    return work_of(lengths, [drawn] * len(rows), params, reads=2 * params.epochs)


def grpo(rows: Sequence[TokenCount], params: GrpoParams) -> StepWork:
    """A group of answers to each prompt, which the model draws; the start reads them too."""
    drawn = params.max_new_tokens
    lengths = [count.prompt + drawn for count in rows for _ in range(params.group)]
    return work_of(lengths, [drawn] * len(lengths), params, reads=2 * params.epochs)


def domain(documents: Sequence[Document], params: DomainParams, window: int) -> StepWork | None:
    """Windows of text, packed full, and what is replayed beside them."""
    if not documents:
        return None
    learnt = sum(tokens(document.text) for document in documents) * (1 - DOCUMENTS_HELD_OUT)
    lengths = [window] * ceil(learnt * (1 + params.replay) / window)
    return work_of(lengths, lengths, params)


def dpo(given: Sequence[Preference], settings: RunSettings) -> StepWork | None:
    """Two sequences of each pair; all of them are read once for the reference."""
    pairs = [pair for pair in given if isinstance(pair, PreferencePair)]
    if not pairs:
        return None
    answers = [(tokens(pair.chosen), tokens(pair.rejected)) for pair in pairs]
    prompts = [AROUND_PROMPT + tokens(pair.prompt) for pair in pairs]
    lengths = [2 * p + sum(both) for p, both in zip(prompts, answers, strict=True)]
    work = work_of(lengths, list(map(sum, answers)), settings.dpo, reads=1)
    longest = max(p + max(both) for p, both in zip(prompts, answers, strict=True))
    return replace(work, longest=longest)


def kto(
    rows: Sequence[TokenCount], given: Sequence[Preference], settings: RunSettings
) -> StepWork | None:
    """Rated answers, both answers of pairs, and rows as good ones until as many are good as bad."""
    rated = list(chain.from_iterable(map(answers_of, given)))
    if not rated:
        return None
    missing = max(0, sum(1 if bad else -1 for _, _, bad in rated))
    lengths = [AROUND_PROMPT + prompt + answer for prompt, answer, _ in rated]
    lengths += map(length, rows[:missing])
    scored = [answer for _, answer, _ in rated] + [row.completion for row in rows[:missing]]
    reads = 1 + MISMATCHED + MISMATCHED * settings.kto.epochs
    return work_of(lengths, scored, settings.kto, reads=reads)


def work_of(
    lengths: Sequence[int], scored: Sequence[int], params: StepParams, *, reads: float = 0
) -> StepWork:
    """`reads`: how often all is read, beside training."""
    return StepWork(
        examples=len(lengths),
        tokens=round(sum(lengths) * params.epochs),
        scored=round(sum(scored) * params.epochs),
        batches=ceil(len(lengths) * params.epochs / params.batch_size),
        longest=max(lengths, default=0),
        longest_scored=max(scored, default=0),
        read=round(sum(lengths) * reads),
    )


def in_files() -> Beside:
    """What was gathered for training, or else what is in the project's files by now."""
    documents = CURATED_DOCUMENTS if CURATED_DOCUMENTS.exists() else None
    files = (file for file in (PREFERENCE_DATA, CURATED_PREFERENCES) if file.exists())
    preferences = next(files, None)
    return Beside(
        tuple(Document.read_lines(documents)) if documents else (),
        tuple(read_preferences(preferences)) if preferences else (),
    )


def answers_of(given: Preference) -> list[tuple[int, int, bool]]:
    """Tokens of the prompt and of the answer, and whether that is a bad one."""
    prompt = tokens(given.prompt)
    if isinstance(given, PreferencePair):
        return [(prompt, tokens(given.chosen), False), (prompt, tokens(given.rejected), True)]
    return [(prompt, tokens(given.completion), not given.label)]


def length(count: TokenCount) -> int:
    return count.prompt + count.completion


# --- answering ------------------------------------------------------------------------------------

# Of max_new_tokens: the mean answer of a base that was not trained to be brief, in the sample task.
LONG_WINDED = 0.65
ALIKE = 20  # tokens that a chat template begins every prompt with, such as its own system prompt


@dataclass(frozen=True)
class AnsweringWork:
    """The answers of one system to rows of one kind; tokens are means."""

    system: str
    rows: str
    count: int
    alike: float  # what all prompts begin with; it is read once
    prompt: float  # what follows
    answer: float
    reference: float  # of the row's own completion, whose likelihood the system is asked for
    adapter: bool

    @property
    def read(self) -> float:
        """Tokens: each prompt for its answer, and again before its reference."""
        return self.alike + self.count * (2 * self.prompt + self.reference)

    @property
    def generated(self) -> float:
        return self.count * self.answer


def answering(lengths: Lengths, settings: RunSettings, *, champion: bool) -> list[AnsweringWork]:
    """Of the stages and of `submit`. `champion`: an adapter is one, else it is the bare base."""
    usual, suites = usual_answers(), asked_suites()
    parts: dict[str, list[TokenCount]] = {
        part: sampled(lengths[part], settings) for part in (Split.DEV, Split.SEALED)
    }
    asked = [
        answers_to(role, name, counts, settings, usual, adapter=adapter)
        for role, adapter in ((Role.CHAMPION, champion), (Role.CHALLENGER, True))
        for name, counts in (parts | suites).items()
    ]
    asked += [few_shot(lengths, settings, usual), preferred(lengths, settings)]
    if champion:
        asked += [
            answers_to(Role.BASE, name, counts, settings, usual, adapter=False)
            for name, counts in suites.items()
            if name != GENERAL.name
        ]
    return [answers for answers in asked if answers.count]


def sampled(counts: Sequence[TokenCount], settings: RunSettings) -> list[TokenCount]:
    """The rows of a part, as often as they are answered."""
    return [count for count in counts for _ in range(settings.decoding.samples)]


def asked_suites() -> dict[str, list[TokenCount]]:
    there = [GENERAL, *suites_on()] if SUITE.is_dir() else suites_on()
    return {suite.name: [estimate(row) for row in suite.rows()] for suite in there}


def usual_answers() -> dict[str, float]:
    """The mean tokens of each system's answers in the last run; empty before the first."""
    if not EVIDENCE.exists():
        return {}
    return {system: used.answer for system, used in Evidence.read(EVIDENCE).usage.items()}


def answers_to(
    role: str,
    rows: str,
    counts: Sequence[TokenCount],
    settings: RunSettings,
    usual: dict[str, float],
    *,
    adapter: bool,
) -> AnsweringWork:
    """An adapter is taken to answer as briefly as its rows do, the base at length."""
    limit, reference = settings.decoding.max_new_tokens, mean(c.completion for c in counts)
    answer = usual.get(role, reference if adapter else LONG_WINDED * limit)
    prompt = mean(c.prompt for c in counts)
    return AnsweringWork(
        system=role,
        rows=rows,
        count=len(counts),
        alike=min(ALIKE, prompt),
        prompt=prompt - min(ALIKE, prompt),
        answer=min(answer, limit),
        reference=reference,
        adapter=adapter,
    )


def few_shot(lengths: Lengths, settings: RunSettings, usual: dict[str, float]) -> AnsweringWork:
    """The base with training rows in its prompt answers dev; what it is shown makes it brief."""
    shots = settings.few_shot.shots
    dev = sampled(lengths[Split.DEV], settings) if shots else []
    answers = answers_to(Role.FEW_SHOT, Split.DEV, dev, settings, usual, adapter=False)
    brief = min(usual.get(Role.FEW_SHOT, answers.reference), answers.answer)
    shown = shots * mean(map(length, lengths[Split.TRAIN]))
    return replace(answers, alike=answers.alike + shown, answer=brief)


def preferred(lengths: Lengths, settings: RunSettings) -> AnsweringWork:
    """The bare base answers the rows that preference is learnt from, or calibrated on."""
    ours = settings.preference
    rows = lengths[Split.TRAIN][-ours.reward.rows :]
    if ours.judged_by == "judge":
        rows = rows[: round(len(rows) * HELD_OUT_SHARE)]
    counts = () if ours.judged_by == "ballots" else rows
    return answers_to("bare base", Split.TRAIN, counts, settings, {}, adapter=False)


def mean(values: Iterator[int]) -> float:
    known = list(values)
    return fmean(known) if known else 0.0


# --- workload -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    steps: dict[StepName, StepWork]  # of training, in their order
    answering: tuple[AnsweringWork, ...]
    prompt: int  # tokens of the longest that is answered
    reference: int  # of the longest completion whose likelihood is asked for
    sealed: int
    missing: tuple[str, ...] = ()  # what is not known of steps that are taken
    estimated: bool = False  # not every row was counted, nor dealt as stage `curate` will

    @property
    def tokens(self) -> int:
        """The tokens that are learnt from, in all steps."""
        return sum(step.tokens for step in self.steps.values())

    @property
    def read(self) -> int:
        return round(sum(answers.read for answers in self.answering))

    @property
    def generated(self) -> int:
        return round(sum(answers.generated for answers in self.answering))


def workload(rows: RowLengths, settings: RunSettings, *, champion: bool) -> Workload:
    """Of a run with these rows; `champion`: an adapter defends its place, else the bare base."""
    lengths = rows.parts
    steps = steps_of(lengths[Split.TRAIN], settings, rows.beside)
    asked = [*lengths[Split.DEV], *lengths[Split.SEALED], *chain(*asked_suites().values())]
    longest = min(max((count.prompt for count in asked), default=0), settings.base.max_length)
    shown = lengths[Split.TRAIN][: settings.sft.rows][: settings.few_shot.shots]
    return Workload(
        steps=steps,
        answering=tuple(answering(lengths, settings, champion=champion)),
        prompt=longest + sum(map(length, shown)),
        reference=max((count.completion for count in asked), default=0),
        sealed=len(lengths[Split.SEALED]),
        missing=tuple(
            f"how much step {name} learns: there is nothing for it in {SOURCES[name]}"
            for name in settings.taken
            if name in SOURCES and name not in steps
        ),
        estimated=rows.assumed is not None,
    )


def unknown_work(settings: RunSettings) -> Workload:
    """Where no row is known: nothing to do, on rows as long as the settings allow."""
    prompt, reference = settings.base.max_length, settings.decoding.max_new_tokens
    return Workload({}, (), prompt, reference, sealed=0)
