"""What a run trains and answers, in rows and tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean

from evaluation.evaluation_settings import HELD_OUT_SHARE, OF_THE_EMBEDDER
from evaluation.general_ability.suite import SUITE
from evaluation.generation.answers import Role
from evaluation.suites.every_suite import GENERAL, suites_on
from incumbent.planning.row_lengths import Lengths, RowLengths, RunSettings, estimate
from incumbent.planning.training_work import steps_of, unknown_of
from project.paths import EVIDENCE
from project.records.data import Split, TokenCount
from project.records.evidence import Evidence
from training.cost.memory import StepWork
from training.recipe import StepName

# --- answering ------------------------------------------------------------------------------------

# Who answers what in a run, and how many tokens that takes.

# Of max_new_tokens: the mean answer of a base that was not trained to be brief, in the sample task.
LONG_WINDED = 0.65
# Tokens that a chat template begins every prompt with, such as its own system prompt.
ALIKE = 20


@dataclass(frozen=True)
class Answering:
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


def answering(lengths: Lengths, settings: RunSettings, *, champion: bool) -> list[Answering]:
    """Of the stages and of `submit`. `champion`: an adapter is one, else it is the bare base."""
    parts: dict[str, Sequence[TokenCount]] = {
        Split.DEV: lengths[Split.DEV],
        Split.SEALED: lengths[Split.SEALED],
    } | suites()
    usual = usual_answers()
    parts = {part: sampled(part, counts, settings) for part, counts in parts.items()}
    found = [
        of(role, name, counts, settings, usual, adapter=adapter)
        for role, adapter in ((Role.CHAMPION, champion), (Role.CHALLENGER, True))
        for name, counts in parts.items()
    ]
    found += [few_shot(lengths, settings, usual), preferred(lengths, settings)]
    if champion:
        found += [
            of(Role.BASE, name, counts, settings, usual, adapter=False)
            for name, counts in suites().items()
            if name != GENERAL.name
        ]
    return [one for one in found if one.count]


def sampled(part: str, counts: Sequence[TokenCount], settings: RunSettings) -> Sequence[TokenCount]:
    """The rows of a part, as often as they are answered."""
    times = settings.decoding.samples if part in tuple(Split) else 1
    return [count for count in counts for _ in range(times)]


def suites() -> dict[str, Sequence[TokenCount]]:
    """The suites, by name, where they are on."""
    there = [GENERAL, *suites_on()] if SUITE.is_dir() else suites_on()
    return {suite.name: [estimate(row) for row in suite.rows()] for suite in there}


def usual_answers() -> dict[str, float]:
    """The mean tokens of each system's answers in the last run; empty before the first."""
    if not EVIDENCE.exists():
        return {}
    return {system: used.answer for system, used in Evidence.read(EVIDENCE).usage.items()}


def of(
    role: str,
    rows: str,
    counts: Sequence[TokenCount],
    settings: RunSettings,
    usual: dict[str, float],
    *,
    adapter: bool,
) -> Answering:
    """An adapter is taken to answer as briefly as its rows do, the base at length."""
    limit, reference = settings.decoding.max_new_tokens, mean(c.completion for c in counts)
    answer = usual.get(role, reference if adapter else LONG_WINDED * limit)
    prompt = mean(c.prompt for c in counts)
    return Answering(
        system=role,
        rows=rows,
        count=len(counts),
        alike=min(ALIKE, prompt),
        prompt=prompt - min(ALIKE, prompt),
        answer=min(answer, limit),
        reference=reference,
        adapter=adapter,
    )


def few_shot(lengths: Lengths, settings: RunSettings, usual: dict[str, float]) -> Answering:
    """The base with training rows in its prompt answers dev; what it is shown makes it brief."""
    shots, dev = settings.few_shot.shots, sampled(Split.DEV, lengths[Split.DEV], settings)
    dev = dev if shots else ()
    found = of(Role.FEW_SHOT, Split.DEV, dev, settings, usual, adapter=False)
    row = mean(c.prompt + c.completion for c in lengths[Split.TRAIN])
    brief = min(usual.get(Role.FEW_SHOT, found.reference), found.answer)
    return replace(found, alike=found.alike + shots * row, answer=brief)


def preferred(lengths: Lengths, settings: RunSettings) -> Answering:
    """The bare base answers the rows that preference is learnt from, or calibrated on."""
    ours = settings.preference
    rows = lengths[Split.TRAIN][-ours.reward.rows :]
    if ours.judged_by == "judge":
        rows = rows[: round(len(rows) * HELD_OUT_SHARE)]
    counts = () if ours.judged_by == "ballots" else rows
    return of("bare base", Split.TRAIN, counts, settings, {}, adapter=False)


def mean(values: Iterator[int]) -> float:
    known = list(values)
    return fmean(known) if known else 0.0


# --- workload -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Longest:
    """Tokens of what is longest: it decides the peak of the memory."""

    row: int  # that is trained
    completion: int
    prompt: int  # that is answered
    reference: int  # whose likelihood is asked for
    window: int  # of text, that domain adaptation learns


@dataclass(frozen=True)
class Workload:
    steps: dict[StepName, StepWork]  # of training, in their order
    answering: tuple[Answering, ...]
    pairs: int  # that a reward model learns from, over all epochs
    longest: Longest
    sealed: int
    missing: tuple[str, ...] = ()  # what is not known of steps that are taken

    @property
    def tokens(self) -> int:
        """That are learnt from, in all steps."""
        return sum(step.tokens for step in self.steps.values())

    @property
    def read(self) -> int:
        return round(sum(one.read for one in self.answering))

    @property
    def generated(self) -> int:
        return round(sum(one.generated for one in self.answering))


def workload(found: RowLengths, settings: RunSettings, *, champion: bool) -> Workload:
    """Of a run with these rows; `champion`: an adapter defends its place, else the bare base."""
    lengths = found.parts
    steps = steps_of(lengths[Split.TRAIN], settings, found.beside)
    return Workload(
        steps=steps,
        answering=tuple(answering(lengths, settings, champion=champion)),
        pairs=pairs(found, settings),
        longest=longest(found, settings),
        sealed=len(lengths[Split.SEALED]),
        missing=tuple(unknown_of(settings, steps)),
    )


def pairs(found: RowLengths, settings: RunSettings) -> int:
    """Two of a row that a classifier learns from. For a head over the frozen embedder texts are
    read and none is learnt from: about as much work as a pair of each row.
    """
    if settings.preference.source != "reward":
        return 0
    reward = settings.preference.reward
    rows = min(reward.rows, len(found.parts[Split.TRAIN]))
    if reward.model == OF_THE_EMBEDDER:
        return rows
    return round(2 * rows * (1 - HELD_OUT_SHARE) * reward.epochs)


def longest(found: RowLengths, settings: RunSettings) -> Longest:
    """Rows are no longer than base.max_length: stage `curate` sees to that."""
    lengths = found.parts
    trained = lengths[Split.TRAIN][: settings.sft.rows]
    asked = [*lengths[Split.DEV], *lengths[Split.SEALED], *chain(*suites().values())]
    most = settings.base.max_length
    shown = sum(map(length, trained[: settings.few_shot.shots]))
    return Longest(
        row=min(max(map(length, trained), default=0), most),
        completion=max((c.completion for c in trained), default=0),
        prompt=min(max((c.prompt for c in asked), default=0), most) + shown,
        reference=max((c.completion for c in asked), default=0),
        window=settings.domain.window,
    )


def longest_allowed(settings: RunSettings) -> Longest:
    """Where no row is known: as long as base.max_length allows."""
    most, answer = settings.base.max_length, settings.decoding.max_new_tokens
    window = settings.domain.window
    return Longest(row=most, completion=answer, prompt=most, reference=answer, window=window)


def length(count: TokenCount) -> int:
    return count.prompt + count.completion
