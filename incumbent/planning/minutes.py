"""How long a run takes, roughly, from how fast a device computes.

Measured beside real runs by benchmarks/plan.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from incumbent.planning.row_lengths import RunSettings
from incumbent.planning.workload import Answering, Longest, Workload
from project.model_pins import EMBEDDED
from training.cost.computing import BYTES, BaseShape, Computing, Speed
from training.cost.memory import (
    FLOAT32,
    GPU_CONTEXT,
    Peak,
    StepSetup,
    adapter_bytes,
    kept_by_a_layer,
)
from training.cost.memory import training_peak as step_peak
from training.cost.minutes import LORA_CALLS, TrainingClock, compared
from training.recipe import StepName
from training.training_settings import AdapterParams, DomainParams

# --- setup ----------------------------------------------------------------------------------------

# A base, its settings and its rows on a kind of device: what memory and minutes are told of.

PACKED: tuple[StepName, ...] = ("domain", "sft")  # the steps of our own trainer
PAIR = 2  # sequences of one: a prompt with the better answer, and with the worse one


@dataclass(frozen=True)
class Setup:
    shape: BaseShape
    settings: RunSettings
    longest: Longest
    on: Computing

    @property
    def steps(self) -> dict[StepName, StepSetup]:
        """Those that are taken, in their order."""
        return {name: self.step(name) for name in self.settings.taken}

    def step(self, name: StepName) -> StepSetup:
        params = self.settings.step(name)
        row, scored = self.longest.row, self.longest.completion
        if isinstance(params, DomainParams):  # packed to its window, and all of it is learnt
            row = scored = min(params.window, self.longest.window)
        return StepSetup(
            shape=self.shape,
            adapter=self.settings.adapter,
            params=params,
            longest=row,
            longest_scored=scored,
            on=self.on,
            sequences=PAIR if name == "dpo" else 1,
            packed=name in PACKED,
        )

    def training_with(self, **changes: object) -> "Setup":
        """With other settings of the adapter, or of every step that is taken."""
        adapter = {name: value for name, value in changes.items() if name in ADAPTER}
        others = {name: value for name, value in changes.items() if name not in ADAPTER}
        update: dict[str, object] = {"adapter": self.settings.adapter.model_copy(update=adapter)}
        for step in self.settings.taken:
            update[step] = self.settings.step(step).model_copy(update=others)
        return replace(self, settings=self.settings.model_copy(update=update))

    def answering_in_batches_of(self, size: int) -> "Setup":
        decoding = self.settings.decoding.model_copy(update={"batch_size": size})
        return replace(self, settings=self.settings.model_copy(update={"decoding": decoding}))

    def with_rows_of(self, tokens: int) -> "Setup":
        """No row longer than so many tokens, and no window of text."""
        longest = replace(
            self.longest,
            row=min(self.longest.row, tokens),
            completion=min(self.longest.completion, tokens),
            window=min(self.longest.window, tokens),
        )
        return replace(self, longest=longest)


ADAPTER = AdapterParams.model_fields.keys()


# --- minutes --------------------------------------------------------------------------------------

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


# --- memory ---------------------------------------------------------------------------------------

# How much memory a run takes at its peak, in parts, in bytes: training, and answering.
#
# Measured beside real runs by benchmarks/plan.py.

ANSWERING_PROCESS = 460_000_000  # Python and its libraries, before any model: measured


def training_peak(setup: Setup) -> Peak:
    """Of the step that takes most; each has a process of its own."""
    return max((step_peak(one) for one in setup.steps.values()), key=total, default=NOTHING)


NOTHING = Peak(weights=0, adapter=0, activations=0, cache=0, logits=0, process=0)


def total(peak: Peak) -> int:
    return peak.total


def answering_peak(setup: Setup) -> Peak:
    """Of the challenger: the base as it is computed with, never quantised, and an adapter on it."""
    shape, on, longest = setup.shape, setup.on, setup.longest
    decoding = setup.settings.decoding
    prompts = decoding.batch_size * longest.prompt
    tokens = prompts + decoding.batch_size * decoding.max_new_tokens
    references = decoding.batch_size * (longest.reference + 1) * on.bytes
    return Peak(
        weights=shape.weights * on.bytes,
        adapter=shape.lora(setup.settings.adapter.r) * on.bytes,
        activations=prompts * (4 * shape.hidden + 3 * shape.intermediate) * on.bytes,
        # Twice: what has ended leaves the batch, and the memories of the others are copied.
        cache=2 * tokens * shape.layers * 2 * shape.keys * on.bytes,
        # Of the references, whose likelihood is asked for; those of one in float32 besides.
        logits=(references + 2 * longest.reference * FLOAT32) * shape.vocabulary,
        process=GPU_CONTEXT if on.gpu else ANSWERING_PROCESS,
    )


# --- disk -----------------------------------------------------------------------------------------

# How much disk a run takes, in bytes.

COPIES = 3  # of an adapter: the stage's output, DVC's cache, the registry's artifacts
STEP_COPIES = 2  # of what a step leaves for the next one: its output, DVC's cache
# While it trains: two checkpoints, each with the adapter and Adam's two moments.
CHECKPOINTS, STATES = 2, 3
REWARD_COPIES = 2  # of a reward model: the stage's output and DVC's cache
EMBEDDER = 22_700_000  # weights of the embedder, which a reward model has too
AN_ANSWER, A_TOKEN = 250, 4  # bytes in the cache of answers


@dataclass(frozen=True)
class Disk:
    base: int  # the embedded one, converted once; others are where you keep them
    adapter: int  # of each version, in all its copies, those of its steps among them
    checkpoints: int  # while a step trains
    reward: int
    answers: int

    @property
    def total(self) -> int:
        return sum(getattr(self, part.name) for part in fields(self))


def disk(setup: Setup, work: Workload | None) -> Disk:
    """Without the cache of answers where it is not known who answers what."""
    shape, settings = setup.shape, setup.settings
    preference = settings.preference
    adapter = adapter_bytes(shape, settings.adapter.r, setup.on)
    learnt = preference.judged_by == "reward" and preference.reward.model == "embedder"
    answers = sum(one.count for one in work.answering) if work else 0
    return Disk(
        base=shape.weights * BYTES["bfloat16"] if settings.base.model == EMBEDDED else 0,
        adapter=(COPIES + STEP_COPIES * len(settings.taken)) * adapter,
        checkpoints=CHECKPOINTS * STATES * adapter,
        reward=REWARD_COPIES * EMBEDDER * FLOAT32 if learnt else 0,
        answers=answers * AN_ANSWER + (work.generated if work else 0) * A_TOKEN,
    )
