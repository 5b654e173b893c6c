"""How long a run takes on a device, and its memory at the peak, roughly: docs/explain/scale.md."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from incumbent.planning.row_lengths import RunSettings
from incumbent.planning.workload import AnsweringWork, Workload
from training.cost.base_shape import BaseShape
from training.cost.machines import Computing, Speed
from training.cost.memory import FLOAT32, GPU_CONTEXT, Layout, Peak, StepSetup, peak_on_each
from training.cost.step_estimate import LORA_CALLS, share_of_each, step_seconds
from training.processes.accelerate_config import SHARED
from training.recipe import StepName
from training.training_settings import AdapterParams, DomainParams

PACKED: tuple[StepName, ...] = ("domain", "sft")  # the steps of our own trainer
PAIR = 2  # sequences of one: a prompt with the better answer, and with the worse one
ADAPTER = AdapterParams.model_fields.keys()


@dataclass(frozen=True)
class Setup:
    """A base, its settings and its rows on devices of a kind that train together."""

    shape: BaseShape
    settings: RunSettings
    work: Workload
    on: Computing
    count: int = 1
    layout: Layout = "ddp"
    most: int = 1 << 30  # tokens that a row may have

    def step(self, name: StepName) -> StepSetup:
        """The step as one of the devices takes it."""
        params = self.settings.step(name)
        batch = ceil(params.batch_size / self.sharing(name))
        most, scored = self.settings.base.max_length, self.settings.decoding.max_new_tokens
        if isinstance(params, DomainParams):  # packed full, and all of it is learnt
            scored = most
        most = min(most, self.most)
        if work := self.work.steps.get(name):
            most, scored = min(work.longest, most), work.longest_scored
        return StepSetup(
            shape=self.shape,
            adapter=self.settings.adapter,
            params=params.model_copy(update={"batch_size": batch}),
            longest=most,
            longest_scored=min(scored, most),
            on=self.on,
            sequences=PAIR if name == "dpo" else 1,
            packed=name in PACKED,
        )

    def sharing(self, name: StepName) -> int:
        """How many devices share a step's batches; some steps one takes alone."""
        return self.count if name in SHARED else 1

    def training_with(self, **changes: object) -> "Setup":
        """The same setup with other settings of the adapter, or of every step that is taken."""
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
        """No row longer than so many tokens."""
        return replace(self, most=tokens)


# --- minutes --------------------------------------------------------------------------------------

FULL = 0.85  # of a batch's places are taken, since answers end at different times
# Of what neither trains nor answers: programs that start, checks, scores, a small reward model.
OTHER_MINUTES = 2.5
BUSY = 0.7  # of the cores: what is left to us tells where it is less


@dataclass(frozen=True)
class Minutes:
    steps: Mapping[StepName, float]  # of training
    answer: float
    other: float
    share: float = 1.0  # of the cores, that other programs leave us: all of the above count it in

    @property
    def train(self) -> float:
        return sum(self.steps.values())

    @property
    def total(self) -> float:
        return self.train + self.answer + self.other

    @property
    def beside_others(self) -> str | None:
        """That other programs keep the cores busy and slow it down; None where they hardly do."""
        if self.share > BUSY:
            return None
        return (
            f"other programs keep the cores busy now and leave {self.share:.0%} of them: alone, a "
            f"run would take about {max(1, round(self.total * self.share))} minutes"
        )


def run_minutes(setup: Setup, speed: Speed | None) -> Minutes | None:
    """None where it is not known how fast the device is, or what is to do."""
    work = setup.work
    if speed is None or not (work.steps or work.answering):
        return None
    settings, shape = setup.settings, setup.shape
    batch, r = settings.decoding.batch_size, settings.adapter.r
    answers = sum(answer_seconds(shape, speed, part, batch, r) for part in work.answering)
    return Minutes(
        steps={name: step_minutes(setup, speed, name) for name in work.steps},
        answer=answers / 60,
        other=OTHER_MINUTES / speed.share,
        share=speed.share,
    )


def step_minutes(setup: Setup, speed: Speed, name: StepName) -> float:
    count, step = setup.sharing(name), setup.work.steps[name]
    passes = replace(step, batches=step.batches * count)  # one of each device for a batch
    return step_seconds(setup.step(name), speed, share_of_each(passes, count)) / 60


def answer_seconds(
    shape: BaseShape, speed: Speed, work: AnsweringWork, batch_size: int, r: int
) -> float:
    """The seconds of what is read, and of steps that give each answer of a batch a token."""
    batch = max(1, min(batch_size, work.count))
    weights = shape.linear + (shape.lora(r) if work.adapter else 0)
    read = work.read * (weights + shape.compared(work.alike + work.prompt))
    scored = work.count * work.reference * shape.embedding
    calls = shape.layers * (LORA_CALLS if work.adapter else 1)
    each = 2 * batch * speed.small + speed.weight
    step = calls * speed.call + (weights + shape.embedding) * each
    return 2 * (read + scored) * speed.small + work.generated / batch / FULL * step


# --- memory ---------------------------------------------------------------------------------------

ANSWERING_PROCESS = 460_000_000  # Python and its libraries, before any model: measured
NOTHING = Peak(weights=0, adapter=0, activations=0, cache=0, logits=0, process=0)


def training_peak(setup: Setup) -> Peak:
    """The peak of the step that takes most; each has a process of its own."""
    taken = setup.settings.taken
    layout = {name: setup.layout if name in SHARED else "ddp" for name in taken}
    peaks = [peak_on_each(setup.step(name), layout[name], setup.sharing(name)) for name in taken]
    return max(peaks, key=lambda peak: peak.total, default=NOTHING)


def answering_peak(setup: Setup) -> Peak:
    """Of the challenger: the base and an adapter on it, split by layers over several GPUs."""
    shape, on, work = setup.shape, setup.on, setup.work
    decoding = setup.settings.decoding
    prompts = decoding.batch_size * work.prompt
    tokens = prompts + decoding.batch_size * decoding.max_new_tokens
    references = decoding.batch_size * (work.reference + 1) * on.bytes
    return Peak(
        weights=ceil(shape.weights * on.bytes / setup.count),
        adapter=ceil(shape.lora(setup.settings.adapter.r) * on.bytes / setup.count),
        activations=prompts * (4 * shape.hidden + 3 * shape.intermediate) * on.bytes,
        # Twice: what has ended leaves the batch, and the memories of the others are copied.
        cache=2 * tokens * shape.layers * 2 * shape.keys * on.bytes,
        # Of the references, whose likelihood is asked for; those of one in float32 besides.
        logits=(references + 2 * work.reference * FLOAT32) * shape.vocabulary,
        process=GPU_CONTEXT if on.gpu else ANSWERING_PROCESS,
    )


def trains(setup: Setup) -> bool:
    return training_peak(setup).fits(setup.on.memory)


def answers(setup: Setup) -> bool:
    return answering_peak(setup).fits(setup.on.memory)
