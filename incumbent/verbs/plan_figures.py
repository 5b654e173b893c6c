"""How a plan prints bytes and minutes."""

from training.cost.gpus import GB

PARTS = {  # of the memory, as people read them
    "weights": "weights",
    "adapter": "LoRA; in training its gradients and Adam's moments too",
    "activations": "activations",
    "cache": "keys and values",
    "logits": "logits",
    "process": "the program",
}


def gigabytes(size: int) -> str:
    return f"{size / GB:.1f}" if size >= 10 * GB else f"{size / GB:.2f}"


def where_there(size: int) -> str:
    return gigabytes(size) if size else ""


def minutes(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
