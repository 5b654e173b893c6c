"""An adapter's folder, read and checked before it gets near the running model."""

from dataclasses import dataclass
from pathlib import Path

from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from project.errors import InputError
from project.records.record import read_input
from registry.adapter_import.adapter_folder import CONFIG, WEIGHTS
from registry.adapter_import.lora_config import LoraSettings, read_config
from registry.adapter_import.lora_weights import linear_modules, read_pairs, resolve_targets
from registry.adapter_import.safetensors_header import read_header

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
        config=plain_lora(settings, targets),
        weights={key.removeprefix(PREFIX): tensor for key, tensor in tensors.items()},
    )


def plain_lora(settings: LoraSettings, targets: tuple[str, ...]) -> LoraConfig:
    return LoraConfig(
        task_type=settings.task_type,
        r=settings.r,
        lora_alpha=settings.lora_alpha,
        use_rslora=settings.use_rslora,
        target_modules=list(targets),
        inference_mode=True,
    )
