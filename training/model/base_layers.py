"""Which layers a base has, read from its configuration before any weight is loaded."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.pytorch_utils import Conv1D


@dataclass(frozen=True)
class BaseLayers:
    """Of a causal LM; counts are of numbers, wherever they are stored."""

    linear: dict[str, int]  # weights of each linear layer that can get a LoRA, by its whole name
    experts: int  # weights of a mixture's experts, which are no linear layers
    weights: int  # of all; those that two layers share count once

    @property
    def names(self) -> tuple[str, ...]:
        """The last parts of their names, which are the same in every block: q_proj, …"""
        return tuple(sorted({name.rpartition(".")[2] for name in self.linear}))


def read_layers(folder: Path) -> BaseLayers:
    """Builds the model without weights: on torch's meta device."""
    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        return layers_of(AutoModelForCausalLM.from_config(config))


def layers_of(model: PreTrainedModel) -> BaseLayers:
    """Linear layers are all but the head, as QLoRA has it.

    In a mixture of experts what routes to them, and what stands beside them, are left out too: the
    experts of transformers 5 are one block of numbers, on which PEFT puts no plain LoRA.
    """
    modules = dict(model.named_modules())
    mixed = [name for name, module in modules.items() if is_experts(module)]
    beside = tuple(f"{name.rpartition('.')[0]}." for name in mixed)
    head = model.get_output_embeddings()
    linear = {
        name: module.weight.numel()
        for name, module in modules.items()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head
    }
    left_out = {name.rpartition(".")[2] for name in linear if name.startswith(beside)}
    return BaseLayers(
        linear={n: size for n, size in linear.items() if n.rpartition(".")[2] not in left_out},
        experts=sum(p.numel() for name in mixed for p in modules[name].parameters(recurse=False)),
        weights=sum(p.numel() for p in model.parameters()),
    )


def is_experts(module: torch.nn.Module) -> bool:
    return any(parameter.dim() == 3 for parameter in module.parameters(recurse=False))
