"""Nested states of optimisers and random generators as JSON and safetensors.

Not a pickle: whoever can write where checkpoints lie could put a program into one.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from project.files import write_bytes

SHAPE, TENSORS = "state.json", "state.safetensors"


def write_state(state: Any, folder: Path) -> None:
    """Write dicts, lists, tuples, numbers, texts, NumPy arrays and tensors, nested in any way.

    Raises TypeError for anything else.
    """
    tensors: dict[str, torch.Tensor] = {}
    write_bytes(folder / SHAPE, json.dumps(taken_apart(state, tensors)).encode())
    save_file(tensors, folder / TENSORS)


def read_state(folder: Path) -> Any:
    """What `write_state` wrote, its tensors in the memory of the processor."""
    tensors = load_file(folder / TENSORS)
    return put_together(json.loads((folder / SHAPE).read_bytes()), tensors)


def taken_apart(state: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The same as JSON, with a tensor's number in its place."""
    if state is None or isinstance(state, bool | int | float | str):
        return state
    if isinstance(state, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = state.detach().cpu().contiguous().clone()  # no two share their memory
        return {"tensor": name}
    if isinstance(state, np.ndarray):
        return {"array": [str(state.dtype), state.tolist()]}
    if isinstance(state, np.generic):
        return state.item()
    if isinstance(state, dict):  # as pairs: a key may be a number
        return {"dict": [[key, taken_apart(value, tensors)] for key, value in state.items()]}
    if isinstance(state, list | tuple):
        kind = "tuple" if isinstance(state, tuple) else "list"
        return {kind: [taken_apart(value, tensors) for value in state]}
    raise TypeError(f"a state holds {type(state).__name__}, which is not written")


def put_together(shape: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(shape, dict):
        return shape
    ((kind, value),) = shape.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "array":
        return np.array(value[1], dtype=value[0])
    if kind == "dict":
        return {key: put_together(inner, tensors) for key, inner in value}
    inner = [put_together(one, tensors) for one in value]
    return tuple(inner) if kind == "tuple" else inner
