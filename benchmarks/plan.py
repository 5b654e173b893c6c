"""How near `incumbent plan` comes to real runs: minutes and memory, predicted and measured.

    python -m benchmarks.plan [--all] [--processor-time]

Real training steps and real answers of the embedded base, on rows of exactly so many tokens; each
case in a fresh process, which times the machine first, as `plan` does. Seconds are of a step after
the first, or of all answers with their references; memory is the peak of the resident set. On a
machine that does other work too, --processor-time (one thread) is the steadier clock.

docs/explain/scale.md has what was measured. Seconds are least where batches are small, and most
where rows are short: they begin alike, and what they share is computed once.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

from benchmarks.frame import arguments
from curation.curation_settings import CurateParams
from evaluation.evaluation_settings import Decoding
from incumbent.planning.row_lengths import RunSettings
from incumbent.planning.run_cost import Setup, answer_seconds, answering_peak, training_peak
from incumbent.planning.workload import AnsweringWork, Workload
from project.libraries import memory, threads
from project.model_pins import BaseChoice, embedded_base, pin
from project.records.adapters import Contestant, Numerics, Precision
from project.records.data import Row
from training.base import convert_embedded
from training.cost.base_shape import EMBEDDED_SHAPE
from training.cost.machines import Computing, processor_speed
from training.cost.memory import Peak, StepWork
from training.cost.step_estimate import step_seconds
from training.precision import look_at_machine
from training.training_settings import AdapterParams, SftParams

STEPS, ROWS, NEW = 3, 32, 24  # steps that are trained, rows that are answered, tokens of an answer
COMPLETION = 12  # words of a row's
SENTENCE = "Explain which parameters this API takes and what each of them means for its result"
WORDS = SENTENCE.split()
SIZES = ((2, 64), (8, 64), (2, 256), (8, 256))  # rows of a batch, tokens of each
QUANTIZED: dict[str, dict[str, Any]] = {
    "nf4 once": {"quantization": "nf4", "dequantize_once": True},
    "nf4 packed": {"quantization": "nf4", "dequantize_once": False},
    "none": {"quantization": "none"},
}
PRECISIONS: tuple[Precision, ...] = ("bfloat16", "float32")


@dataclass(frozen=True)
class Case:
    work: str  # training or answering
    precision: Precision
    batch: int
    tokens: int
    kept: str = "nf4 once"  # a key of QUANTIZED
    checkpointing: bool = False

    def __str__(self) -> str:
        how = self.kept if self.work == "training" else ""
        more = ", checkpointed" if self.checkpointing else ""
        return f"{self.work:<9} {self.precision:<8} {how:<10} {self.batch:>2} × {self.tokens}{more}"


FEW = [
    *(Case("training", precision, *size) for precision in PRECISIONS for size in SIZES[:3]),
    Case("training", "bfloat16", 8, 256),
    Case("training", "bfloat16", 8, 64, "nf4 packed"),
    Case("training", "bfloat16", 8, 64, "none"),
    Case("training", "bfloat16", 8, 64, checkpointing=True),
    *(Case("answering", precision, 16, 64) for precision in PRECISIONS),
    Case("answering", "bfloat16", 16, 256),
]
ALL = [
    *(
        Case("training", precision, *size, kept, checkpointing=checkpointing)
        for precision in PRECISIONS
        for kept in QUANTIZED
        for size in SIZES
        for checkpointing in ((False, True) if size == (8, 256) else (False,))
    ),
    *(Case("answering", p, b, t) for p in PRECISIONS for b in (4, 16) for t in (64, 256)),
]


def main() -> None:
    given = arguments(__doc__, all=False, processor_time=False, measure=str)
    if given.measure:
        clock = process_time if given.processor_time else perf_counter
        print(json.dumps(measured(Case(**json.loads(given.measure)), clock)))
        return
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    print(f"{'seconds, GB: predicted / measured':<48} {'ratio':>12} {'ratio':>18}")
    for case in ALL if given.all else FEW:
        print(f"{case!s:<40}", comparison(case, processor_time=given.processor_time), flush=True)


def comparison(case: Case, *, processor_time: bool) -> str:
    """Both numbers of a case in a process of its own, and what divides them."""
    command = [sys.executable, "-m", "benchmarks.plan", "--measure", json.dumps(vars(case))]
    environment = dict(os.environ)
    if processor_time:
        command.append("--processor-time")
        environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return "   ".join(
        f"{predicted:>6.2f} / {real:>6.2f} {predicted / real:>5.2f}"
        for predicted, real in (seconds, peak)
    )


def measured(case: Case, clock: Callable[[], float]) -> list[tuple[float, float]]:
    """Seconds and gigabytes, each predicted and measured."""
    machine = look_at_machine()
    setup = setup_of(case)
    speed = processor_speed(machine, setup.on.precision, threads())
    assert speed is not None, "this is about processors"
    if case.work == "training":
        seconds, peak = train(setup, clock), training_peak(setup)
        predicted = step_seconds(setup.step("sft"), speed, setup.work.steps["sft"]) / STEPS
    else:
        seconds, asked = answer(setup, clock)
        peak = without_adapter(answering_peak(setup))
        batch, r = setup.settings.decoding.batch_size, setup.settings.adapter.r
        predicted = answer_seconds(setup.shape, speed, asked, batch, r)
    real = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return [(predicted, seconds), (peak.total / 1e9, real / 1e9)]


def setup_of(case: Case) -> Setup:
    sft = SftParams(batch_size=case.batch, evaluations=0)
    kept = QUANTIZED[case.kept]
    adapter = AdapterParams(**kept, gradient_checkpointing=case.checkpointing)
    decoding = Decoding(max_new_tokens=NEW, batch_size=case.batch)
    settings = RunSettings(adapter=adapter, sft=sft, decoding=decoding, curate=CurateParams())
    rows, answer = STEPS * case.batch, COMPLETION + 3
    work = StepWork(
        examples=rows,
        tokens=rows * case.tokens,
        scored=rows * answer,
        batches=STEPS,
        longest=case.tokens,
        longest_scored=answer,
    )
    both = Workload({"sft": work}, (), prompt=case.tokens, reference=answer, sealed=0)
    return Setup(EMBEDDED_SHAPE, settings, both, Computing(case.precision, memory()))


def without_adapter(peak: Peak) -> Peak:
    """What answers here is the bare base."""
    return Peak(**{**vars(peak), "adapter": 0})


def train(setup: Setup, clock: Callable[[], float]) -> float:
    """Seconds of a step, those of the first left out."""
    from transformers import TrainerCallback

    from training.steps.run_step import StepContext, prepare
    from training.steps.sft_step import sft_step_data

    class Steps(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: object, **__: object) -> None:
            self.ends.append(clock())

    steps, settings = Steps(), setup.settings
    rows = rows_of(STEPS * settings.sft.batch_size, setup.work.prompt, whole=True)
    numerics = Numerics(precision=setup.on.precision, processor="this one")
    base = Contestant(base=pin(BaseChoice(), "base"))
    ground = StepContext(base, numerics, settings.adapter)
    trainer = prepare(sft_step_data(rows, (), settings.sft), ground).trainer
    trainer.add_callback(steps)
    trainer.train()
    return (steps.ends[-1] - steps.ends[0]) / (STEPS - 1)


def answer(setup: Setup, clock: Callable[[], float]) -> tuple[float, AnsweringWork]:
    """Seconds of all answers and of their references, and what was answered."""
    from evaluation.generation.answering_model import AnsweringModel

    decoding = setup.settings.decoding
    model = AnsweringModel(embedded_base(), None, decoding, setup.on.precision)
    rows = rows_of(ROWS, setup.work.prompt, whole=False)
    list(model.answer(rows[:2]))  # warms up
    start = clock()
    answers = list(model.answer(rows))
    model.reference_logprobs(rows)
    seconds = clock() - start
    shared = model.reader.shared([model.prompt(row) for row in rows]).width
    return seconds, AnsweringWork(
        system="bare base",
        rows="these",
        count=ROWS,
        alike=shared,
        prompt=setup.work.prompt - shared,
        answer=sum(one.tokens for one in answers) / ROWS,
        reference=COMPLETION + 3,
        adapter=False,
    )


def rows_of(count: int, tokens: int, *, whole: bool) -> list[Row]:
    """Rows that have so many tokens with their completions, or prompts that have."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(embedded_base())

    def size(row: Row) -> int:
        messages = [m.model_dump() for m in (*row.prompt, *(row.completion if whole else ()))]
        ids = tokenizer.apply_chat_template(
            messages, add_generation_prompt=not whole, return_dict=True
        )
        return len(ids["input_ids"])

    return [row_of(number, tokens, size) for number in range(count)]


def row_of(number: int, tokens: int, size: Callable[[Row], int]) -> Row:
    words = 1
    while size(row := made(number, words)) < tokens:
        words += max(1, (tokens - size(row)) // 2)
    return row


def made(number: int, words: int) -> Row:
    prompt = " ".join(WORDS[(7 * number + i) % len(WORDS)] for i in range(words))
    completion = " ".join(WORDS[(number + i) % len(WORDS)] for i in range(COMPLETION))
    return Row.of(prompt, completion, group=str(number), source="made")


if __name__ == "__main__":
    main()
