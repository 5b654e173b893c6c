"""What each precision costs on this machine, and what `auto` chose.

    python -m benchmarks.precision [--only training answers] [--threads]

Processor-seconds and seconds of a training step, of an answered token, of a reference's perplexity
and of an epoch of the reward model, on rows of the sample task; each in a process of its own, as
stages are. With --threads: a training step under several settings of threads and memory, beside
nothing and beside a process that computes all the time. To come near a processor that has AVX2
alone, set ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time

from curation.sources.python_api import read_package
from project.libraries import CHOICES
from project.model_pins import ModelChoice, embedded_base, locate, pin
from project.records.adapters import Contestant, Precision
from project.records.data import Row
from training.base import convert_embedded
from training.precision import measure_machine, numerics

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
WARM_UP = 2  # steps that are not counted
Cost = tuple[float, float]  # seconds of the processor, and of the clock

# Variables of the environment that take the place of our own choice.
SETTINGS: dict[str, dict[str, str]] = {
    "as chosen": {},
    "memory not kept": {"LD_PRELOAD": ""},  # empty: it changes nothing but our choice
    "one thread": {"OMP_NUM_THREADS": "1"},
    "asleep (PASSIVE)": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spin 1,000": {"GOMP_SPINCOUNT": "1000"},
    "spin 3,000": {"GOMP_SPINCOUNT": "3000"},
    "spin 10,000": {"GOMP_SPINCOUNT": "10000"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=WORK, default=list(WORK))
    parser.add_argument("--threads", action="store_true")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        work, precision = given.measure
        print(json.dumps(WORK[work](precision)))
        return
    if not embedded_base().is_dir():
        convert_embedded(embedded_base())
    machine = measure_machine()
    print(f"{machine.processor}: auto chooses {machine.fastest}")
    if given.threads:
        compare_settings(machine.fastest)
        return
    print(f"{'':<24} {'precision':<9} {'processor s':>11} {'seconds':>8}")
    for work in given.only:
        costs = {precision: measured(work, precision, {}) for precision in PRECISIONS}
        for precision, (processor, seconds) in costs.items():
            print(f"{work:<24} {precision:<9} {processor:>11.3f} {seconds:>8.3f}")
        if machine.fastest not in costs:
            continue
        ratio = costs[machine.fastest][0] / min(processor for processor, _ in costs.values())
        print(f"{'':<24} auto takes {ratio:.2f} times the least\n", flush=True)


def compare_settings(precision: Precision) -> None:
    print(f"a training step in {precision}, seconds: free, beside a busy process")
    for name, setting in SETTINGS.items():
        _, free = measured("training", precision, setting)
        with busy_process():
            _, busy = measured("training", precision, setting)
        print(f"{name:<18} {free:>6.2f} {busy:>6.2f}", flush=True)
    two = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    _, free = measured("training", precision, {"OMP_NUM_THREADS": "1"}, two)
    print(f"{'two processes':<18} {free:>6.2f}")


def measured(
    work: str,
    precision: Precision,
    setting: dict[str, str],
    launcher: Sequence[str] = (sys.executable,),
) -> Cost:
    """The cost in a process of its own."""
    ours = (CHOICES, "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {k: v for k, v in os.environ.items() if k not in ours} | setting
    done = subprocess.run(
        [*launcher, "-m", "benchmarks.precision", "--measure", work, precision],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    processor, seconds = json.loads(done.stdout.splitlines()[-1])
    return processor, seconds


@contextmanager
def busy_process() -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def rows(count: int) -> tuple[Row, ...]:
    """Rows of the sample task, in an order by digest."""
    found = sorted(read_package("scipy"), key=lambda row: row.id)
    return tuple(found[:count])


def timed(action: Callable[[], object], per: int) -> Cost:
    processor, seconds = process_time(), perf_counter()
    action()
    return (process_time() - processor) / per, (perf_counter() - seconds) / per


def training(precision: Precision) -> Cost:
    """A step of two rows, one in each process where there are two (DDP over gloo)."""
    from transformers import TrainerCallback

    from training.steps.run_step import StepContext, model_of
    from training.steps.sft_step import sft_step_data
    from training.training_settings import AdapterParams, SftParams

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.at: list[tuple[float, float]] = []

        def on_step_end(self, *_: object, **__: object) -> None:
            self.at.append((process_time(), perf_counter()))

    batch = 2 // int(os.environ.get("WORLD_SIZE", "1"))
    clock, base = Clock(), Contestant(base=pin(ModelChoice(), "base"))
    ground = StepContext(base, numerics(precision, measure_machine()), AdapterParams())
    step = sft_step_data(rows(24), (), SftParams(batch_size=batch))
    trainer = step.trainer(*model_of(ground), ground)
    trainer.add_callback(clock)
    trainer.train()
    (p, s), (processor, seconds) = clock.at[WARM_UP], clock.at[-1]
    steps = len(clock.at) - 1 - WARM_UP
    return (processor - p) / steps, (seconds - s) / steps


def answers(precision: Precision) -> Cost:
    """A token of the base's answers to 16 prompts, side by side."""
    from evaluation.evaluation_settings import Decoding
    from evaluation.generation.answering_model import AnsweringModel
    from evaluation.generation.answers import Answer

    model = AnsweringModel(embedded_base(), None, Decoding(), precision)
    list(model.answer(rows(2)))
    found: list[Answer] = []
    processor, seconds = timed(lambda: found.extend(model.answer(rows(16))), 1)
    tokens = sum(answer.tokens for answer in found)
    return processor / tokens, seconds / tokens


def perplexity(precision: Precision) -> Cost:
    """Of a row's completion."""
    from evaluation.evaluation_settings import Decoding
    from evaluation.generation.answering_model import AnsweringModel

    model = AnsweringModel(embedded_base(), None, Decoding(), precision)
    model.reference_logprobs(rows(2))
    return timed(lambda: model.reference_logprobs(rows(32)), 32)


def reward(precision: Precision) -> Cost:
    """An epoch of 48 pairs."""
    from evaluation.evaluation_settings import RewardParams
    from evaluation.preference.learnt_reward import train_reward
    from project.records.preferences import PreferencePair

    some = rows(49)
    pairs = [
        PreferencePair(
            prompt=row.prompt_text, chosen=row.completion_text, rejected=other.completion_text
        )
        for row, other in pairwise(some)
    ]
    base, params = locate(ModelChoice(), "embedder"), RewardParams(epochs=1)
    with tempfile.TemporaryDirectory() as folder:
        return timed(lambda: train_reward(pairs, base, params, precision, Path(folder)), 1)


WORK: dict[str, Callable[[Precision], Cost]] = {
    "training": training,
    "answers": answers,
    "perplexity": perplexity,
    "reward": reward,
}


if __name__ == "__main__":
    main()
