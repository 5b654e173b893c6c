"""What a run trains and answers, in rows and tokens."""

from dataclasses import dataclass
from itertools import chain

from evaluation.evaluation_settings import OF_THE_EMBEDDER
from incumbent.planning.work.answering import Answering, answering, suites
from incumbent.planning.work.row_lengths import RowLengths
from incumbent.planning.work.run_settings import RunSettings
from incumbent.planning.work.training_work import steps_of, unknown_of
from project.records.data import Split, TokenCount
from training.cost.step_setup import StepWork
from training.recipe import StepName


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
    return round(2 * rows * (1 - reward.held_out_share) * reward.epochs)


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
