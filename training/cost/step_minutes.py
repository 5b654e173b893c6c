"""How long a step of training takes, roughly, from how fast a device computes.

Three terms: products, a call of each layer, and NF4 weights that are turned back. What reads and
writes beside them, and what GPUs send one another, made no estimate better: docs/explain/scale.md.
"""

from dataclasses import replace
from math import ceil

from training.cost.machines import Speed
from training.cost.memory import StepSetup, StepWork

LORA_CALLS = 2  # times as many calls of a layer as without a LoRA on it
BACK_CALLS = 2  # times as many on the way back as on the way there


def step_seconds(setup: StepSetup, speed: Speed, work: StepWork) -> float:
    """Two operations for each weight and pass (Kaplan et al. 2020, arXiv 2001.08361), a pass more
    for a LoRA's, which has a gradient of its own; attention compares a token with each of its row.
    """
    shape, lora = setup.shape, setup.shape.lora(setup.adapter.r)
    passes = 3 if setup.adapter.gradient_checkpointing else 2  # there, back, and there again
    sequences = work.examples * setup.sequences * setup.params.epochs
    weights = shape.linear + shape.compared(work.tokens / max(1.0, sequences))
    few = setup.on.gpu or setup.packed  # TRL scores prompts too on a processor
    scored = work.scored if few else work.tokens
    operations = 2 * (
        work.tokens * (passes * weights + (passes + 1) * lora)
        + scored * 2 * shape.embedding
        + work.read * (weights + lora + shape.embedding)
    )
    calls = LORA_CALLS * (passes - 1 + BACK_CALLS) * shape.layers
    unpacked = setup.adapter.quantization == "nf4" and not setup.dequantized
    read = speed.weight + (speed.unpacking if unpacked else 0.0)
    batch = calls * speed.call + passes * shape.linear * read
    return operations * speed.operation + work.batches * batch


def share_of_each(work: StepWork, count: int) -> StepWork:
    """Each GPU's share: batches are dealt out, and all wait for the GPU that has most."""
    batches = ceil(work.batches / count)
    share = batches / max(1, work.batches)
    return replace(
        work,
        examples=ceil(work.examples * share),
        tokens=ceil(work.tokens * share),
        scored=ceil(work.scored * share),
        batches=batches,
        read=ceil(work.read * share),
    )
