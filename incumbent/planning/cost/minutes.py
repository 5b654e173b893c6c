"""How long a run takes, roughly, from how fast a device computes.

Measured beside real runs by benchmarks/plan.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from incumbent.planning.cost.setup import Setup
from incumbent.planning.work.answering import Answering
from incumbent.planning.work.workload import Workload
from training.cost.computing import Speed
from training.cost.memory import kept_by_a_layer
from training.cost.minutes import LORA_CALLS, TrainingClock, compared
from training.recipe import StepName

FULL = 0.85  # of a batch's places are taken, since answers end at different times
ENCODER = 10_700_000  # weights of the embedder's layers, which a reward model starts from
EXCHANGE = 100  # tokens of a prompt with an answer, as it reads them
OTHER_MINUTES = 2.5  # of what neither trains nor answers: programs that start, checks, scores


@dataclass(frozen=True)
class Minutes:
    train: float
    answer: float
    other: float

    @property
    def total(self) -> float:
        return self.train + self.answer + self.other


@dataclass(frozen=True)
class Clock:
    """Tells how long a run takes on a device that is so fast."""

    setup: Setup
    speed: Speed

    def minutes(self, work: Workload) -> Minutes:
        return Minutes(
            train=self.training(work) / 60,
            answer=self.answering(work.answering) / 60,
            other=OTHER_MINUTES + self.reward(work.pairs) / 60,
        )

    def training(self, work: Workload) -> float:
        """Seconds of all steps."""
        return sum(self.step(name, work) for name in work.steps)

    def step(self, name: StepName, work: Workload) -> float:
        """Seconds."""
        return TrainingClock(self.setup.step(name), self.speed).seconds(work.steps[name])

    def answering(self, asked: Iterable[Answering]) -> float:
        """Seconds: of what is read, and of steps that give each answer of a batch a token."""
        return sum(self.reading(one) + self.generating(one) for one in asked)

    def reading(self, one: Answering) -> float:
        shape = self.setup.shape
        weights = self.weights(one) + compared(shape, one.alike + one.prompt)
        written = shape.layers * kept_by_a_layer(shape, self.setup.on, r=0, dropout=0)
        token = 2 * weights * self.speed.operation + written * self.speed.byte
        scored = one.count * one.reference * 2 * shape.embedding * self.speed.operation
        return one.read * token + scored

    def generating(self, one: Answering) -> float:
        batch = min(self.setup.settings.decoding.batch_size, one.count)
        return one.generated / batch / FULL * self.answering_step(one, batch)

    def answering_step(self, one: Answering, batch: int) -> float:
        """A token for each answer of a batch; what they remember is copied for it."""
        shape = self.setup.shape
        calls = shape.layers * (LORA_CALLS if one.adapter else 1)
        weights = self.weights(one) + shape.embedding
        remembered = one.alike + one.prompt + one.answer / 2
        copied = batch * remembered * shape.layers * 2 * shape.keys * self.setup.on.bytes
        return (
            calls * self.speed.call
            + weights * (2 * batch * self.speed.operation + self.speed.weight)
            + copied * self.speed.byte
        )

    def weights(self, one: Answering) -> int:
        """That a token goes through in the layers."""
        lora = self.setup.shape.lora(self.setup.settings.adapter.r) if one.adapter else 0
        return self.setup.shape.linear + lora

    def reward(self, pairs: int) -> float:
        """Of training a reward model on pairs: two texts, six operations a weight and token."""
        return pairs * 2 * EXCHANGE * 6 * ENCODER * self.speed.operation
