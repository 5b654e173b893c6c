"""Our training against `trl sft` with its defaults: the same rows, adapter, precision and steps.

    python -m benchmarks.training [--rows 96] [--batch 8] [--rounds 2] [--precision bfloat16]
    python -m benchmarks.training --steps-between   # what brings how much, one after the other
    python -m benchmarks.training --own-code        # the share of what is around the trainer

Plain is `trl sft --use_peft --load_in_4bit --lora_target_modules all-linear` with its defaults:
SFTTrainer on rows of prompt and completion, r 16, alpha 32, dropout 0.05, batches of 8 with
padding, gradient checkpointing, NF4 that is dequantised at each product, fused AdamW. Two things
are set otherwise: it computes in our precision, the adapter too (TRL would round that one to
bfloat16, which a processor without AVX512-BF16 multiplies slowly), and it has the learning rate of
the sample, as ours has.

Each measurement is a process of its own; plain and ours take turns, so that other work on the
machine hits both. Tokens are those of the rows: padding is not counted, and what rows share is
counted for each. The loss on dev is a learnt token's, measured in one way for both, by the model's
own loss on rows with padding. To come near a processor that has AVX2 alone, set
ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2. With `-m`, from the
project's folder: as a script, this file would be taken for package `training`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from benchmarks.frame import arguments
from curation.sources.python_api import read_package
from project.libraries import CHOICES
from project.model_pins import embedded_base
from project.records.adapters import Precision
from project.records.data import Row
from training.base import convert_embedded
from training.precision import measure_machine, numerics

RATE = 5e-4
DEV = 60  # rows


@dataclass(frozen=True)
class Way:
    """How it is trained."""

    name: str
    checkpointing: bool = False
    dequantized: bool = True
    packed: bool = True
    fused: bool = True
    dropout: float = 0.05


OURS = Way("ours")
PLAIN = Way("plain trl sft", checkpointing=True, dequantized=False, packed=False, fused=False)
BETWEEN = (
    PLAIN,
    replace(PLAIN, name="+ no checkpointing", checkpointing=False),
    replace(OURS, name="+ dequantised once", packed=False, fused=False),
    replace(OURS, name="+ packed, loss on answers", fused=False),
    replace(OURS, name="+ LoRA in one piece = ours"),
    replace(OURS, name="ours without dropout", dropout=0.0),
)
WAYS = {way.name: way for way in (*BETWEEN, OURS)}


@dataclass(frozen=True)
class Measured:
    tokens: int
    steps: int
    processor: float  # seconds
    clock: float
    dev_loss: float
    peak_gib: float
    own_code: float  # seconds of the processor in callbacks, logs, packing and counting


@dataclass(frozen=True)
class Task:
    """What is trained."""

    rows: int
    batch: int
    precision: Precision


def main() -> None:
    given = arguments(
        __doc__,
        rows=96,
        batch=8,
        rounds=2,
        precision=str,
        steps_between=False,
        own_code=False,
        measure=str,
    )
    precision = given.precision or measure_machine().fastest
    task = Task(given.rows, given.batch, precision)
    if given.measure:
        print(json.dumps(asdict(measure(WAYS[given.measure], task))))
        return
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    print(f"{measure_machine().processor}, {precision}, {task.rows} rows, batches of {task.batch}")
    ways = BETWEEN if given.steps_between else (OURS,) if given.own_code else (PLAIN, OURS)
    show(ways, in_turn(ways, task, given.rounds))


def in_turn(ways: Sequence[Way], task: Task, rounds: int) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {way.name: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            found[way.name].append(in_child(way, task))
    return found


def in_child(way: Way, task: Task) -> Measured:
    """Measured in a process of its own, with the threads that it chooses itself."""
    ours = (CHOICES, "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    how = ["--rows", str(task.rows), "--batch", str(task.batch), "--precision", task.precision]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training", "--measure", way.name, *how],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def show(ways: Sequence[Way], found: dict[str, list[Measured]]) -> None:
    """Medians of the rounds; the ratios are to the first way."""
    first: tuple[float, float] | None = None
    print(f"{'':<28} {'tokens per':>11} {'':>6} {'tokens per':>10} {'':>6}   loss  peak   own")
    print(f"{'':<28} {'processor s':>11}  ratio {'second':>10}  ratio on dev   GiB  code")
    for way in ways:
        runs = found[way.name]
        rates = (
            median(run.tokens / run.processor for run in runs),
            median(run.tokens / run.clock for run in runs),
        )
        first = first or rates
        own = median(run.own_code / run.processor for run in runs)
        loss, peak = (
            median(getattr(run, name) for run in runs) for name in ("dev_loss", "peak_gib")
        )
        print(
            f"{way.name:<28} {rates[0]:>11.1f} {rates[0] / first[0]:>6.2f} {rates[1]:>10.1f} "
            f"{rates[1] / first[1]:>6.2f} {loss:>6.4f} {peak:>5.2f} {own:>5.1%}"
        )


# --- in the child -------------------------------------------------------------------------------


def measure(way: Way, task: Task) -> Measured:
    """Train once, from the first step to the last, and measure the loss on dev after it."""
    from transformers import AutoTokenizer, PrinterCallback

    from training.rows.row_tokens import row_tokens

    train, dev = sample_rows(task.rows)
    tokenizer = AutoTokenizer.from_pretrained(embedded_base())
    model = model_of(way, task.precision)
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(way, task, model, tokenizer, train, Path(folder))
        trainer.remove_callback(PrinterCallback)
        clock = OwnCode(trainer)
        processor, start = process_time(), perf_counter()
        trainer.train()
        processor, clock_time = process_time() - processor, perf_counter() - start
    return Measured(
        tokens=sum(len(row_tokens(row, tokenizer)) for row in train),
        steps=trainer.state.global_step,
        processor=processor,
        clock=clock_time,
        dev_loss=dev_loss(model, [row_tokens(row, tokenizer) for row in dev]),
        peak_gib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20),
        own_code=clock.seconds,
    )


def sample_rows(count: int) -> tuple[list[Row], list[Row]]:
    """Rows of the sample task to learn, and others to measure on, in an order by digest."""
    found = sorted(read_package("scipy"), key=lambda row: row.id)
    return found[:count], found[count : count + DEV]


def model_of(way: Way, precision: Precision) -> Any:
    """The base in NF4 with a fresh adapter."""
    from training.model.base_model import load_base
    from training.model.lora import add_adapter
    from training.training_settings import AdapterParams

    params = AdapterParams(
        dropout=way.dropout,
        dequantize_once=way.dequantized,
        seed=42,
    )
    here = numerics(precision, measure_machine())
    return add_adapter(load_base(embedded_base(), params, here), params, here)


def trainer_of(
    way: Way, task: Task, model: Any, tokenizer: Any, rows: Sequence[Row], folder: Path
) -> Any:
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from project.libraries import mix_precision
    from training.rows.row_tokens import row_tokens
    from training.steps.packed_trainer import PackedTrainer, packed_trainer

    args = SFTConfig(
        output_dir=str(folder / "out"),
        num_train_epochs=1,
        per_device_train_batch_size=task.batch,
        learning_rate=RATE,
        gradient_checkpointing=way.checkpointing,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        disable_tqdm=True,
        save_strategy="no",
        report_to="none",
        **mix_precision(task.precision),
    )
    if not way.packed:
        turns = [
            {
                "prompt": [message.model_dump() for message in row.prompt],
                "completion": [message.model_dump() for message in row.completion],
            }
            for row in rows
        ]
        data = Dataset.from_list(turns)
        return SFTTrainer(model=model, args=args, train_dataset=data, processing_class=tokenizer)
    from peft.tuners.lora.layer import Linear

    args.logging_steps = 1  # as a stage does
    trainer = packed_trainer(model, tokenizer, [row_tokens(row, tokenizer) for row in rows], args)
    assert isinstance(trainer, PackedTrainer)
    assert trainer.packs
    if not way.fused:
        for module in model.modules():
            if isinstance(module, Linear):
                module.__class__ = Linear
    add_callbacks(trainer, folder)
    return trainer


def add_callbacks(trainer: Any, folder: Path) -> None:
    """Those that a stage adds."""
    from training.kept.running_book import LearningCurve, StepsWithLoss

    trainer.add_callback(LearningCurve(folder))
    trainer.add_callback(StepsWithLoss("sft"))


class OwnCode:
    """Seconds of the processor that a trainer spends in callbacks, logs, packing and counting."""

    def __init__(self, trainer: Any) -> None:
        self.seconds, self.depth = 0.0, 0
        trainer.data_collator = self.timed(trainer.data_collator)
        for name in ("log", "_track_num_input_tokens"):
            setattr(trainer, name, self.timed(getattr(trainer, name)))
        handler = trainer.callback_handler
        handler.call_event = self.timed(handler.call_event)

    def timed(self, action: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            self.depth += 1
            start = process_time()
            try:
                return action(*args, **kwargs)
            finally:
                self.depth -= 1
                if not self.depth:  # a log calls callbacks
                    self.seconds += process_time() - start

        return run


def dev_loss(model: Any, rows: Sequence[Any]) -> float:
    """A learnt token's, by the model's own loss on one row at a time."""
    import torch

    model.eval()
    total = count = 0.0
    for row in rows:
        ids, labels = (torch.tensor([one]).to(model.device) for one in (row.ids, row.labels))
        learnt = int((labels != -100).sum())
        with torch.no_grad():
            loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        total, count = total + float(loss) * learnt, count + learnt
    return total / count


if __name__ == "__main__":
    main()
