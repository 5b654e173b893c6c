"""A model that accelerate has dealt out by FSDP2 gives the loss and gradients of a whole one.

The group is of one process, on its processor: it holds the one share, by the same machinery.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def group() -> Iterator[None]:
    import torch.distributed as dist

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def sharded(model: Any) -> Any:
    """By accelerate, as it prepares a model for a trainer; weights that are loaded already."""
    import torch
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.fsdp_utils import fsdp2_prepare_model

    plugin = FullyShardedDataParallelPlugin()
    plugin.cpu_ram_efficient_loading = False
    accelerator = SimpleNamespace(
        state=SimpleNamespace(fsdp_plugin=plugin),
        mixed_precision="no",
        is_main_process=True,
        device=torch.device("cpu"),
    )
    return fsdp2_prepare_model(accelerator, model)


def test_a_model_that_is_dealt_out_learns_as_a_whole_one(
    tiny_base: Path, group: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from torch.distributed.tensor import DTensor

    from tests.training.test_checkpoints import packing
    from training.processes.accelerate_config import sharding_environment
    from training.processes.batch_shares import whole, whole_weights
    from training.steps.packed_trainer import packed_loss

    for name, value in sharding_environment("fsdp", "").items():
        monkeypatch.setenv(name, value)
    trainer = packing(tiny_base, "none")
    model = trainer.model.eval()
    batch = trainer.collate([trainer.train_dataset[i] for i in range(4)])["packed_rows"]

    def learnt() -> tuple[float, dict[str, Any]]:
        model.zero_grad()
        with trainer.attending():
            loss = packed_loss(model, batch)
        loss.backward()
        gradients = {
            n: whole(w.grad).clone() for n, w in model.named_parameters() if w.requires_grad
        }
        return loss.item(), gradients

    loss, gradients = learnt()
    weights = whole_weights(model)
    assert sharded(model) is model
    assert all(isinstance(weight, DTensor) for weight in model.parameters())
    again, of_parts = learnt()
    assert again == loss
    assert all(torch.equal(gradients[name], of_parts[name]) for name in gradients)
    found = whole_weights(model)
    assert all(torch.equal(weights[name], found[name]) for name in weights)
