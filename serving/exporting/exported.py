"""What is written about an export: how its form was scored again, and by which engine."""

from collections.abc import Sequence
from typing import Literal

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import Engine
from project.records.record import Digest, Record

Form = Literal["vllm", "peft", "merged", "gguf"]
FILE = "exported.json"


class ScoredAgain(Record):
    """One metric on dev: the mean when the version was judged, and that of the exported form."""

    metric: str
    judged: float
    exported: float

    @property
    def difference(self) -> float:
        return self.exported - self.judged


class Exported(Record):
    """An exported form that scores as the version did when it was judged."""

    version: str  # its label
    adapter: Digest
    form: Form
    engine: Engine  # that answered
    libraries: tuple[str, ...] = ()  # by which it answered here; empty for a server
    weights: Digest  # of the files that hold weights
    decoding: Decoding
    items: int
    same_answers: int  # items whose answer is the judged one, letter for letter
    margin: float
    scores: tuple[ScoredAgain, ...]
    not_scored: tuple[str, ...] = ()  # gating metrics that this form was not measured in


def outside(scores: Sequence[ScoredAgain], margin: float) -> list[ScoredAgain]:
    """The metrics in which the form differs by more than the margin, for better or worse: what is
    better was not judged either.
    """
    rounding = 1e-9  # a difference of the margin itself is inside
    return [score for score in scores if abs(score.difference) > margin + rounding]


def table(scores: Sequence[ScoredAgain]) -> str:
    """A line for each metric, in columns."""
    width = max(len("metric"), *(len(score.metric) for score in scores))
    lines = [f"{'metric':{width}}  judged  exported  difference"]
    lines += [
        f"{s.metric:{width}}  {s.judged:6.3f}  {s.exported:8.3f}  {s.difference:+10.3f}"
        for s in scores
    ]
    return "\n".join(lines)
