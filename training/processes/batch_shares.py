"""What several processes share: the part of a batch each learns, and the weights that they hold
together.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from accelerate.data_loader import BatchSamplerShard
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader

from training.processes.group import rank, world

# --- batch shares ---------------------------------------------------------------------------------

# Which part of a batch each process learns, so that all together learn what one alone would.
#
# Every process reads all rows in the same order, as one alone does, and its collator takes its
# share of each batch. The optimiser's step is the mean over the tokens that all of them learn in
# it, so the adapter is the one of a single process, but for the order of sums, and for dropout,
# whose masks each process draws for its own rows.

T = TypeVar("T")


def share_of(batch: Sequence[T], number: int, processes: int) -> Sequence[T]:
    """The share of process `number`. The last batch of an epoch may be too small for all to have
    one.
    """
    return batch[number::processes]


class SharedBatches:
    """A mixin in front of a Trainer: each process gets all batches, for its collator to take a
    share of.
    """

    def get_train_dataloader(self) -> Any:
        return undivided(super().get_train_dataloader())  # type: ignore[misc]

    def get_eval_dataloader(self, *given: Any) -> Any:
        return undivided(super().get_eval_dataloader(*given))  # type: ignore[misc]

    def own_share(self, batch: Sequence[T]) -> Sequence[T]:
        return share_of(batch, rank(), world())


def undivided(loader: DataLoader[Any]) -> DataLoader[Any]:
    """Undo what accelerate does to a loader: whole batches to each process in turn, and at the end
    of an epoch rows that were learnt already.
    """
    shard = loader.batch_sampler
    if isinstance(shard, BatchSamplerShard):
        shard.num_processes, shard.process_index, shard.even_batches = 1, 0, False
    return loader


# --- whole weights --------------------------------------------------------------------------------


def whole_weights(model: torch.nn.Module) -> dict[str, Tensor]:
    """Copies by their names, the same ones in every process. All of them must call this."""
    trained = {name: w for name, w in model.named_parameters() if w.requires_grad}
    with gathered(list(trained.values())):
        return {name: whole(weight.detach()).clone() for name, weight in trained.items()}


def whole(weight: Tensor) -> Tensor:
    """The whole weight, of FSDP2's share of it."""
    return weight.full_tensor() if isinstance(weight, DTensor) else weight


def gathered(weights: list[torch.nn.Parameter]) -> AbstractContextManager[object]:
    """Whole in the block, where ZeRO-3 has dealt them out."""
    if not any(hasattr(weight, "ds_id") for weight in weights):
        return nullcontext()
    # Imported here because it is there with ZeRO-3 alone.
    from deepspeed.zero import GatheredParameters

    context: AbstractContextManager[object] = GatheredParameters(weights)
    return context
