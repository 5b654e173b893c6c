"""How much memory a run takes at its peak, in parts, in bytes: training, and answering.

Measured beside real runs by benchmarks/plan.py.
"""

from incumbent.planning.cost.setup import Setup
from training.cost.memory import FLOAT32, GPU_CONTEXT, Peak
from training.cost.memory import training_peak as step_peak

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
