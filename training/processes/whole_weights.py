"""The weights that are trained, whole, where each process may hold a part of each alone."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor


def whole_weights(model: torch.nn.Module) -> dict[str, Tensor]:
    """Copies by their names, the same ones in every process. All of them must call this."""
    trained = {name: w for name, w in model.named_parameters() if w.requires_grad}
    with gathered(list(trained.values())):
        return {name: whole(weight.detach()).clone() for name, weight in trained.items()}


def whole(weight: Tensor) -> Tensor:
    """Of FSDP2's share of it."""
    return weight.full_tensor() if isinstance(weight, DTensor) else weight


def gathered(weights: list[torch.nn.Parameter]) -> AbstractContextManager[object]:
    """Whole in the block, where ZeRO-3 has dealt them out."""
    if not any(hasattr(weight, "ds_id") for weight in weights):
        return nullcontext()
    # Imported here because it is there with ZeRO-3 alone.
    from deepspeed.zero import GatheredParameters

    found: AbstractContextManager[object] = GatheredParameters(weights)
    return found
