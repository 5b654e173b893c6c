"""What a run trains and answers, in rows and tokens."""

from dataclasses import dataclass
from itertools import chain
from math import ceil

from evaluation.evaluation_settings import OF_THE_EMBEDDER
from incumbent.planning.work.answering import Answering, answering, suites
from incumbent.planning.work.row_lengths import RowLengths
from incumbent.planning.work.run_settings import RunSettings
from project.records.data import Split, TokenCount


@dataclass(frozen=True)
class Longest:
    """Tokens of what is longest: it decides the peak of the memory."""

    row: int  # that is trained
    completion: int
    prompt: int  # that is answered
    reference: int  # whose likelihood is asked for


@dataclass(frozen=True)
class Workload:
    rows: int  # that are trained on
    tokens: int  # of these rows, over all epochs
    scored: int  # of these, the completions': what the loss is about
    steps: int  # batches, over all epochs
    answering: tuple[Answering, ...]
    pairs: int  # that a reward model learns from, over all epochs
    longest: Longest
    sealed: int

    @property
    def read(self) -> int:
        return round(sum(one.read for one in self.answering))

    @property
    def generated(self) -> int:
        return round(sum(one.generated for one in self.answering))


def workload(found: RowLengths, settings: RunSettings, *, champion: bool) -> Workload:
    """Of a run with these rows; `champion`: an adapter defends its place, else the bare base."""
    lengths, training = found.parts, settings.training
    trained = lengths[Split.TRAIN][: training.rows]
    return Workload(
        rows=len(trained),
        tokens=round(sum(map(length, trained)) * training.epochs),
        scored=round(sum(c.completion for c in trained) * training.epochs),
        steps=ceil(len(trained) * training.epochs / training.batch_size),
        answering=tuple(answering(lengths, settings, champion=champion)),
        pairs=pairs(found, settings),
        longest=longest(found, settings),
        sealed=len(lengths[Split.SEALED]),
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
    trained = lengths[Split.TRAIN][: settings.training.rows]
    asked = [*lengths[Split.DEV], *lengths[Split.SEALED], *chain(*suites().values())]
    most = settings.base.max_length
    shown = sum(map(length, trained[: settings.few_shot.shots]))
    return Longest(
        row=min(max(map(length, trained), default=0), most),
        completion=max((c.completion for c in trained), default=0),
        prompt=min(max((c.prompt for c in asked), default=0), most) + shown,
        reference=max((c.completion for c in asked), default=0),
    )


def longest_allowed(settings: RunSettings) -> Longest:
    """Where no row is known: as long as base.max_length allows."""
    most, answer = settings.base.max_length, settings.decoding.max_new_tokens
    return Longest(row=most, completion=answer, prompt=most, reference=answer)


def length(count: TokenCount) -> int:
    return count.prompt + count.completion
