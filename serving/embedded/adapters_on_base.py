"""A base model, and LoRA adapters on it by name: each row of a batch is read with its own.

All rows share one pass through the base, and each adapter's rows get their update on top (PEFT's
mixed batches). Turns, adapter by adapter, would read all weights of the base once for each of them:
with 8 rows on each of two adapters a step of the embedded base takes 119 ms of one core mixed, and
twice 84 ms in turns.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, LoraModel
from peft.functional import delete_adapter, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from evaluation.generation.batch_reader import BatchReader
from project.errors import InputError
from project.gpu import answering_map, card_here
from project.records.adapters import Precision
from project.records.record import read_input
from registry.adapter_import.adapter_folder import CONFIG, WEIGHTS
from registry.adapter_import.lora_config import read_config
from registry.adapter_import.lora_weights import (
    linear_modules,
    read_header,
    read_pairs,
    resolve_targets,
)

# --- adapter files --------------------------------------------------------------------------------

# An adapter's folder, read and checked before it gets near the running model.

PREFIX = "base_model.model."  # before each key of a file that PEFT wrote


@dataclass(frozen=True)
class AdapterFiles:
    """A LoRA's settings as PEFT takes them, and its weights by their names in the base."""

    config: LoraConfig
    weights: dict[str, Tensor]


def read_adapter(folder: Path, base: Path) -> AdapterFiles:
    """Read the folder. Raises InputError unless it holds plain LoRA whose weights fit the base."""
    config, weights = folder / CONFIG, folder / WEIGHTS
    settings = read_config(read_input(config), config)
    linears = linear_modules(base)
    try:
        pairs = read_pairs(read_header(weights, weights), settings, linears, weights)
        tensors = load_file(weights)
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=weights) from None
    except SafetensorError as error:
        raise InputError(str(error), file=weights) from None
    targets = resolve_targets(settings, set(pairs), linears, config)
    return AdapterFiles(
        config=LoraConfig(
            task_type=settings.task_type,
            r=settings.r,
            lora_alpha=settings.lora_alpha,
            use_rslora=settings.use_rslora,
            target_modules=list(targets),
            inference_mode=True,
        ),
        weights={key.removeprefix(PREFIX): tensor for key, tensor in tensors.items()},
    )


# --- adapters on base -----------------------------------------------------------------------------

BARE = "__base__"  # PEFT's word for a row without an adapter
TRIAL = [0, 0]  # tokens that a new adapter reads before it may answer


class AdaptersOnBase:
    """Not safe for threads: one thread reads with it, inserts and removes."""

    def __init__(self, base: Path, precision: Precision) -> None:
        self.dtype = getattr(torch, precision)
        places = answering_map(card_here(torch), os.environ)
        self.model = AutoModelForCausalLM.from_pretrained(base, dtype=self.dtype, device_map=places)
        self.model.eval()
        self.reader = BatchReader(self.model)
        ends = self.model.generation_config.eos_token_id
        self.ends = frozenset(ends if isinstance(ends, list) else [ends])  # of an answer
        positions = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        self.context = positions or inf  # tokens of a prompt and its answer, at most
        self.tuner: Any = None  # PEFT's, from the first adapter on
        self.keys: dict[str, str] = {}  # each adapter's name inside of PEFT, by its own
        self.numbers = count(1)  # a key is a part of a module's name, which a name need not fit
        self.rows: list[str] = []  # the keys of the rows that are read
        self.hooked: set[torch.nn.Module] = set()

    def read_as(self, names: Sequence[str | None]) -> None:
        """Say with which adapter each row of what is read next is read; None: the bare base."""
        self.rows = [BARE if name is None else self.keys[name] for name in names]

    def insert(self, name: str, files: AdapterFiles) -> None:
        """Put an adapter on the base. Raises InputError where it does not fit; then none of it is
        left.
        """
        self.keys[name] = key = f"number{next(self.numbers)}"
        try:
            self.add(key, files)
            self.try_out(name)
        except Exception as error:  # whatever it was, answers on other adapters go on
            self.remove(name)
            raise InputError(f"the adapter cannot be put on the base: {error}") from None

    def add(self, key: str, files: AdapterFiles) -> None:
        self.make_room(key, files)
        weights = {name: self.placed(name, tensor) for name, tensor in files.weights.items()}
        loaded = set_peft_model_state_dict(self.model, weights, key, low_cpu_mem_usage=True)
        if odd := sorted(loaded.unexpected_keys):
            raise ValueError(f"the model has no place for {odd[0]}")
        if empty := sorted(name for name in loaded.missing_keys if f".{key}." in name):
            raise ValueError(f"there is no weight for {empty[0]}")
        for layer in self.model.modules():
            if isinstance(layer, LoraLayer) and layer not in self.hooked:
                layer.register_forward_pre_hook(self.name_rows, with_kwargs=True)
                self.hooked.add(layer)

    def make_room(self, key: str, files: AdapterFiles) -> None:
        """Layers without weights. None is active by itself: rows say which ones read them."""
        if self.tuner is None:
            self.tuner = LoraModel(self.model, files.config, key, low_cpu_mem_usage=True)
            self.tuner.set_adapter([])
        else:
            self.tuner.peft_config[key] = files.config
            self.tuner.inject_adapter(self.model, key, low_cpu_mem_usage=True)

    def placed(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """A weight where its module is, in the base's precision, as evaluation reads it."""
        module = self.model.get_submodule(name.rpartition(".lora_")[0])
        return tensor.to(device=module.weight.device, dtype=self.dtype)

    @torch.inference_mode()
    def try_out(self, name: str) -> None:
        """Read with it beside the bare base: not each kind of layer can be read so."""
        self.read_as([name, None])
        self.reader.read(self.reader.unread(2), [TRIAL, TRIAL])

    def remove(self, name: str) -> None:
        key = self.keys.pop(name)
        delete_adapter(self.model, key, prefix="lora_")
        getattr(self.model, "peft_config", {}).pop(key, None)

    def name_rows(self, _: Any, inputs: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return inputs, named | {"adapter_names": self.rows}
