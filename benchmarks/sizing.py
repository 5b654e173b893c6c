"""How near `incumbent plan --gpus` comes to published runs: memory on each GPU, and time.

    python -m benchmarks.sizing [--fit]

Nothing is trained here: each run below was measured by who published it, and read there. Three
shares were fitted on the runs marked "fit", and the others only check them; --fit does it again.
Where other trainers keep other things than ours, a run says so (`Trainer`), and nothing else is
told case by case. docs/explain/scale.md has the table that this prints, and why it misses.
"""

import argparse
from dataclasses import dataclass, replace
from itertools import product
from math import log
from statistics import median

from project.records.adapters import Precision, Quantization
from training.cost.base_shape import SIZES, BaseShape
from training.cost.machines import GB, GPUS, UNPACKING_REACHES, KnownMachine
from training.cost.memory import Layout, StepSetup, StepWork, peak_on_each
from training.cost.step_estimate import share_of_each, step_seconds
from training.training_settings import AdapterParams, SftParams

GIB = 2**30
NEAR = 0.25  # an error that is small enough to plan with

# As their config.json have them.
BASES = {
    "Llama-2-7B": BaseShape(4096, 32, 11_008, 32_000, 32, 32, 128, tied=False),
    "Llama-2-70B": BaseShape(8192, 80, 28_672, 32_000, 64, 8, 128, tied=False),
    "Llama-3.1-8B": SIZES["8B"],
    "Mistral-7B": BaseShape(4096, 32, 14_336, 32_000, 32, 8, 128, tied=False),
    "Yi-34B": BaseShape(7168, 60, 20_480, 64_000, 56, 8, 128, tied=False),
    "Qwen-7B": BaseShape(4096, 32, 11_008, 151_936, 32, 32, 128, tied=False),
    "Qwen-14B": BaseShape(5120, 40, 13_696, 152_064, 40, 40, 128, tied=False),
    "Qwen-72B": BaseShape(8192, 80, 24_576, 152_064, 64, 64, 128, tied=False),
}


@dataclass(frozen=True)
class Trainer:
    """What a trainer keeps otherwise than ours, in bytes; and how its memory was measured."""

    source: str
    embedding: int  # of a weight of embedding and head
    lora: int  # of a weight of the adapter, with its gradient and its moments
    precision: Precision
    context: bool = True  # whether what CUDA and the allocator's gaps take was measured too
    # A logit of every token, which ours makes of learnt ones in chunks: in float32 as the model
    # returns it, as the loss keeps it, its gradient, and that of the shifted copy.
    logit: int = 16


# PEFT's prepare_model_for_kbit_training keeps in float32 what is not quantised. DeepSpeed has an
# adapter and its gradient in float16, and both and the moments in float32; it computes in float16
# throughout, the logits too. Their four bits are GPTQ's, not NF4.
QWEN = "https://github.com/QwenLM/Qwen/blob/main/README.md"
QWEN_QLORA = Trainer(QWEN, embedding=4, lora=20, precision="float16", logit=8)
QWEN_LORA = Trainer(QWEN, embedding=2, lora=16, precision="bfloat16")
ANSWER_AI = Trainer(
    "https://github.com/AnswerDotAI/fsdp_qlora/blob/main/benchmarks_03_2024.md",
    embedding=2,
    lora=8,
    precision="bfloat16",
)
FMS = Trainer(  # what torch's allocator had given out at the peak
    "https://github.com/foundation-model-stack/fms-acceleration/blob/main/"
    "scripts/benchmarks/refs/a100_80gb.csv",
    embedding=2,
    lora=16,
    precision="float16",
    context=False,
)
# Its loss makes logits in eight chunks: in bfloat16 of all, and an eighth in float32.
TORCHTUNE = Trainer(
    "https://github.com/pytorch/torchtune/blob/main/README.md",
    embedding=2,
    lora=8,
    precision="bfloat16",
    logit=4,
)


@dataclass(frozen=True)
class Run:
    """As it was published: on each GPU so many sequences at once, all of one length."""

    trainer: Trainer
    base: str
    gpu: str
    batch: int
    length: int
    sequences: int  # that all GPUs trained in so many seconds
    seconds: float
    memory: float | None = None  # bytes on a GPU
    count: int = 1
    layout: Layout = "ddp"
    quantization: Quantization = "nf4"
    r: int = 64
    fit: bool = False  # whether the constants were fitted on it

    def __str__(self) -> str:
        how = f"{self.layout} " if self.count > 1 else ""
        kept = "QLoRA" if self.quantization == "nf4" else "LoRA"
        on = f"{self.count} × {self.gpu}"
        return f"{self.base} {kept}, {how}{on}, {self.batch} × {self.length}"

    @property
    def setup(self) -> StepSetup:
        return StepSetup(
            shape=BASES[self.base],
            adapter=AdapterParams(
                r=self.r,
                quantization=self.quantization,
                dequantize_once=False,
                gradient_checkpointing=True,
            ),
            params=SftParams(epochs=1, batch_size=self.batch),
            longest=self.length,
            longest_scored=self.length,
            on=KINDS[self.gpu].computing(self.trainer.precision),
        )

    @property
    def work(self) -> StepWork:
        tokens = self.sequences * self.length
        return StepWork(
            examples=self.sequences,
            tokens=tokens,
            scored=tokens,
            batches=self.sequences // self.batch,
            longest=self.length,
            longest_scored=self.length,
        )


KINDS = {one.name: one for one in GPUS}
# An iteration: eight sequences, one after the other. LoRA on all layers of rank 64.
LORA = Run(QWEN_LORA, "Qwen-7B", "A100-80", 1, 2048, 8, 0, quantization="none")
QLORA = replace(LORA, trainer=QWEN_QLORA, quantization="nf4")
# 1,024 sequences; LoRA on six of a layer's seven products, of rank 64.
HOME = Run(ANSWER_AI, "Llama-2-70B", "A100-40", 1, 2048, 1024, 0, layout="fsdp")
# 30 steps; LoRA on attention alone, of rank 16.
TABLE = Run(FMS, "Mistral-7B", "A100-80", 4, 4096, 120, 0, r=16)
SHARED = replace(TABLE, count=2, layout="fsdp", batch=2)
# 1,000 batches, of how many tokens a second it tells; LoRA of rank 8.
TUNE = Run(TORCHTUNE, "Llama-3.1-8B", "RTX-4090", 2, 2048, 2000, 0, r=8)

RUNS = (
    replace(LORA, length=1024, seconds=2.8, memory=21.5 * GB),
    replace(LORA, length=4096, seconds=10.1, memory=29.7 * GB, fit=True),
    replace(LORA, base="Qwen-14B", length=2048, seconds=8.4, memory=37.4 * GB),
    replace(QLORA, length=4096, seconds=11.6, memory=16.9 * GB),
    replace(QLORA, base="Qwen-14B", length=4096, seconds=20.1, memory=23.0 * GB, fit=True),
    replace(QLORA, base="Qwen-72B", length=512, seconds=31.5, memory=61.4 * GB),
    replace(QLORA, base="Qwen-72B", length=4096, seconds=97.7, memory=68.0 * GB, fit=True),
    replace(TABLE, batch=4, seconds=143.3569, memory=15_860_019_712, fit=True),
    replace(TABLE, batch=8, sequences=240, seconds=279.7156, memory=26_849_751_552),
    replace(TABLE, base="Llama-2-70B", seconds=1075.2044, memory=68_159_977_472),
    replace(SHARED, seconds=86.4307, memory=9_974_622_720),
    replace(SHARED, batch=4, sequences=240, seconds=149.3914, memory=16_587_205_120, fit=True),
    replace(SHARED, base="Llama-2-70B", seconds=586.651, memory=46_524_471_808, fit=True),
    replace(
        HOME,
        base="Llama-2-7B",
        gpu="RTX-4090",
        count=2,
        layout="ddp",
        batch=8,
        seconds=450,
        memory=20.94 * GIB,
    ),
    replace(
        HOME,
        base="Llama-2-7B",
        gpu="RTX-4090",
        count=2,
        batch=10,
        seconds=466,
        memory=20.97 * GIB,
        fit=True,
    ),
    replace(
        HOME, base="Yi-34B", gpu="RTX-4090", count=2, batch=2, seconds=2072, memory=23.05 * GIB
    ),
    replace(TUNE, seconds=2000 * 2048 / 2413, memory=7.4 * GIB),
    replace(TUNE, seconds=2000 * 2048 / 3083, memory=16.2 * GIB, quantization="none"),
    replace(HOME, count=2, seconds=3277, fit=True),
    replace(HOME, count=4, batch=4, seconds=1266, fit=True),
    replace(HOME, count=8, batch=4, seconds=672),
    replace(HOME, gpu="H100", count=4, batch=8, seconds=667, fit=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fit", action="store_true", help="the shares of the speed on paper")
    if parser.parse_args().fit:
        print(min(product(*SHARES.values()), key=misfit), "of", list(SHARES))
        return
    print(f"{'':<52}{'GB on a GPU':>22}{'seconds':>24}")
    for run in RUNS:
        memory = told(bytes_on_a_gpu(run) / GB, run.memory and run.memory / GB)
        time = told(seconds(run), run.seconds)
        print(f"{'fit  ' if run.fit else 'check'} {run!s:<46}{memory:>22}  {time:>22}")
    for name, fit in (("fit", True), ("check", False)):
        runs = [run for run in RUNS if run.fit == fit]
        print(name, "memory", spread([e for run in runs if (e := memory_error(run)) is not None]))
        print(name, "time", spread([seconds(run) / run.seconds - 1 for run in runs]))


# What is tried: of the speed on paper, of newer GPUs, of the bandwidth where NF4 is turned back.
SHARES = {
    "reach": (0.50, 0.52, 0.54, 0.56, 0.58, 0.60, 0.62, 0.65),
    "reach of H100": (0.30, 0.32, 0.34, 0.36, 0.38, 0.40),
    "UNPACKING_REACHES": (0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.60),
}


def misfit(shares: tuple[float, ...]) -> float:
    """Of the logarithms of time, squared, over the runs that constants are fitted on."""
    reach, newer, unpacking = shares
    total = 0.0
    for run in (run for run in RUNS if run.fit):
        known = KINDS[run.gpu]
        tried = replace(known, reach=newer if known.name == "H100" else reach)
        total += log(seconds(run, tried, UNPACKING_REACHES / unpacking) / run.seconds) ** 2
    return total


def told(formula: float, measured: float | None) -> str:
    if measured is None:
        return f"{formula:.1f} / not told"
    return f"{formula:.1f} / {measured:.1f} {formula / measured - 1:+4.0%}"


def spread(errors: list[float]) -> str:
    near = sum(abs(error) <= NEAR for error in errors)
    middle = median(map(abs, errors))
    return (
        f"{near} of {len(errors)} within {NEAR:.0%}, the median off by {middle:.0%}, "
        f"from {min(errors):+.0%} to {max(errors):+.0%}"
    )


def memory_error(run: Run) -> float | None:
    return run.memory and bytes_on_a_gpu(run) / run.memory - 1


def bytes_on_a_gpu(run: Run) -> int:
    """By the formula, with what that trainer keeps in place of what ours does."""
    setup, kept = run.setup, run.trainer
    ours = peak_on_each(setup, run.layout, run.count)
    shares = run.count if run.layout == "fsdp" else 1
    embeddings = setup.shape.weights - setup.shape.linear
    other = (kept.embedding - setup.on.bytes) * embeddings
    lora = kept.lora * setup.shape.lora(run.r) // shares - ours.adapter
    logits = kept.logit * setup.at_once * setup.shape.vocabulary
    # A layer is computed again when the logits are gone: the larger of both counts.
    layer = ours.activations + ours.logits - inputs(setup)
    activations = inputs(setup) + max(layer, logits) - ours.activations - ours.logits
    context = 0 if kept.context else -ours.process
    return ours.total + other + lora + activations + context


def inputs(setup: StepSetup) -> int:
    """Of all layers, which checkpointing keeps."""
    return setup.shape.layers * setup.at_once * setup.shape.hidden * setup.on.bytes


def seconds(run: Run, gpu: KnownMachine | None = None, unpacking: float = 1.0) -> float:
    """`unpacking`: how many times as long NF4 weights take to be turned back."""
    speed = (gpu or KINDS[run.gpu]).speed(run.setup.on.precision)
    assert speed is not None, "no run here is in float32"
    speed = replace(speed, unpacking=unpacking * speed.unpacking)
    return step_seconds(run.setup, speed, share_of_each(run.work, run.count))


if __name__ == "__main__":
    main()
