"""A card trains, in each way that the settings know; the same again, interrupted or not."""

from pathlib import Path
from typing import Any

import pytest

from project.canonical import digest_folder
from project.gpu import Card

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

SETUPS: dict[str, dict[str, Any]] = {
    "nf4": {"dequantize_once": False},
    "nf4, dequantised once": {"dequantize_once": True},
    "unquantised": {"quantization": "none"},
}


@pytest.mark.parametrize("setup", SETUPS)
def test_a_step_learns_and_gives_the_same_bytes_again(
    setup: str, card: Card, base: Path, tmp_path: Path
) -> None:
    from tests.gpu.on_card import ground_on, trained

    ground = ground_on(card, base, **SETUPS[setup])
    first, again = (trained(ground, tmp_path / name) for name in ("first", "again"))
    assert first.loss_before is not None
    assert first.loss_after is not None
    assert first.loss_after < first.loss_before
    assert first.adapter == again.adapter == digest_folder(tmp_path / "first")


def test_int8_learns(card: Card, base: Path, tmp_path: Path) -> None:
    from tests.gpu.on_card import ground_on, trained

    record = trained(ground_on(card, base, quantization="int8"), tmp_path / "adapter")
    assert record.loss_before is not None
    assert record.loss_after is not None
    assert record.loss_after < record.loss_before


def test_rows_are_packed_and_not_padded(
    card: Card, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.gpu.on_card import ground_on, prepared

    assert prepared(ground_on(card, base)).trainer.packs
    assert "padded" not in capsys.readouterr().out


def test_a_resumed_run_has_the_bytes_of_an_uninterrupted_one(
    card: Card, base: Path, tmp_path: Path
) -> None:
    from tests.gpu.on_card import SFT, ground_on, prepared
    from tests.training.test_checkpoints import LimitsParams, broken_off, kept_run
    from training.kept.training_state import write_weights
    from training.model.kernels import deterministic

    ground = ground_on(card, base)
    with deterministic():
        whole = prepared(ground).trainer
        whole.train()
        broken_off(prepared(ground).trainer, 3, base, sft=SFT)
        resumed = prepared(ground).trainer
        kept_run(resumed, base, LimitsParams(), sft=SFT)
    assert resumed.state.global_step == whole.state.global_step == 8
    folders = [tmp_path / name for name in ("whole", "resumed")]
    for trainer, folder in zip((whole, resumed), folders, strict=True):
        folder.mkdir()
        write_weights(trainer.model, folder)
    assert digest_folder(folders[0]) == digest_folder(folders[1])


def test_a_card_with_little_memory_takes_fewer_examples_a_pass(card: Card, base: Path) -> None:
    """The limit lies between what the loaded model takes and what a pass on all examples does."""
    import torch

    from tests.gpu.on_card import ground_on, prepared
    from training.steps.card_trial import try_on_card

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    trainer = prepared(ground_on(card, base), batch_size=16, gradient_accumulation=2).trainer
    assert trainer.args.per_device_train_batch_size == 16
    loaded, most = torch.cuda.memory_reserved(), torch.cuda.max_memory_reserved()
    torch.cuda.set_per_process_memory_fraction((loaded + (most - loaded) / 2) / card.memory)
    try:
        try_on_card(trainer)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    args = trainer.args
    assert args.per_device_train_batch_size < 16
    assert args.per_device_train_batch_size * args.gradient_accumulation_steps == 32
