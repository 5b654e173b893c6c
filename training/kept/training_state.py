"""What a Trainer is made to go on from, equal to the last byte: written, and put back.

The Trainer itself puts back the weights and skips the rows that were learnt, by two files of its
own format (`resume_from_checkpoint`). The rest is put back here, by callbacks: its own files for
that are pickles, and it starts a later epoch with another order of the rows.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import Trainer

from project.files import write_bytes
from training.processes.group import draw_own_dropout

WEIGHTS, PROGRESS = "model.safetensors", "trainer_state.json"  # as the Trainer calls them


class Remembering(Protocol):
    """A callback whose own state decides how training goes on."""

    def remembered(self) -> dict[str, Any]: ...
    def remember(self, state: Mapping[str, Any]) -> None: ...


class TrainingState:
    """The state of one trainer at the beginning of an optimiser's step."""

    def __init__(self, trainer: Trainer, more: Mapping[str, Remembering]) -> None:
        self.trainer = trainer
        self.more = more  # callbacks by their names
        self.epoch_began: dict[str, Any] = {}  # random generators when the epoch began
        self.read: dict[str, Any] | None = None  # what is still to be put back

    def write(self, folder: Path) -> None:
        write_weights(self.trainer.model, folder)
        progress = json.dumps(asdict(self.trainer.state))
        write_bytes(folder / PROGRESS, progress.encode())
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state |= {
            "epoch_began": self.epoch_began,
            "random": random_state(),
            "more": {name: callback.remembered() for name, callback in self.more.items()},
        }
        write_state(state, folder)

    def parts(self) -> dict[str, Any]:
        """What has a state of its own beside the weights."""
        trainer = self.trainer
        parts = {"optimizer": trainer.optimizer, "lr_scheduler": trainer.lr_scheduler}
        if scaler := getattr(trainer.accelerator, "scaler", None):  # of float16
            parts["scaler"] = scaler
        return parts

    def open(self, folder: Path) -> None:
        """Read what is to be put back, once the Trainer comes to it."""
        self.read = read_state(folder)

    def training_begins(self) -> None:
        if self.read:
            for name, part in self.parts().items():
                part.load_state_dict(self.read[name])
            for name, callback in self.more.items():
                callback.remember(self.read["more"][name])

    def epoch_begins(self) -> None:
        """The order of an epoch's rows is drawn right after this."""
        if self.read:
            set_random_state(self.read["epoch_began"])
        self.epoch_began = random_state()

    def step_begins(self) -> None:
        """The step's rows are there: what it draws now is dropout."""
        if self.read:
            set_random_state(self.read["random"])
            self.read = None
        draw_own_dropout(self.trainer.args.seed, self.trainer.state.global_step)


def write_weights(model: torch.nn.Module, folder: Path) -> None:
    """Those that are trained, by their names."""
    trained = {
        name: weight.detach().cpu().contiguous()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    save_file(trained, folder / WEIGHTS)


# --- nested state ---------------------------------------------------------------------------------

# Nested states of optimisers and random generators as JSON and safetensors.
#
# Not a pickle: whoever can write where checkpoints lie could put a program into one.

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
    inner = [put_together(element, tensors) for element in value]
    return tuple(inner) if kind == "tuple" else inner


# --- random state ---------------------------------------------------------------------------------


def random_state() -> dict[str, Any]:
    state = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()  # of this process's own card
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Let every generator go on from there."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
