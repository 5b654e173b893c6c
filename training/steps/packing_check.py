"""Whether a model can be trained on packed rows: asked of the model itself, before it trains."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from training.rows.row_tokens import RowTokens

if TYPE_CHECKING:
    from training.steps.packed_trainer import PackedTrainer

ROWS = 3  # that the two losses are compared on
KNOWN = (
    "sdpa",
    "eager",
    "flash_attention_2",
)  # kinds of attention that a packed pass may stand for
# Relative differences that rounding explains; a row that sees another one is off by far more.
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 2e-2, torch.float16: 1e-2}


def why_not_packed(trainer: "PackedTrainer", examples: Sequence[RowTokens]) -> str | None:
    """None where packed rows have the loss of padded ones; else what stands against them.

    The longest rows are tried, since a window of attention shows on them.
    """
    base = trainer.base
    head = base.get_output_embeddings()
    if trainer.aux_loss_enabled:
        return "the loss of its experts' load is about batches with padding"
    if base.config._attn_implementation not in KNOWN:
        return f"it computes attention by {base.config._attn_implementation}"
    if type(head) is not torch.nn.Linear or head.weight.requires_grad:
        return "its head is trained, or no plain layer"
    few = sorted(examples, key=len)[-ROWS:]
    padded, packed = loss_of(trainer, few, packs=False), None
    try:
        packed = loss_of(trainer, few, packs=True)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # An architecture that we do not know may fail in any of these ways.
        return f"this kind of model does not take them ({str(error).splitlines()[0][:100]})"
    allowed = TOLERANCES.get(head.weight.dtype, 0.0) * abs(padded)
    if not abs(packed - padded) <= allowed:
        return f"this kind of model gives another loss on them ({packed:.4f}, not {padded:.4f})"
    return None


def loss_of(trainer: "PackedTrainer", rows: Sequence[RowTokens], *, packs: bool) -> float:
    """A learnt token's, without dropout."""
    trainer.packs = packs
    training = trainer.model.training
    trainer.model.eval()
    batch = trainer.collate([{"input_ids": row.ids, "labels": row.labels} for row in rows])
    batch = trainer._prepare_inputs(batch)
    with torch.no_grad(), trainer.attending(), trainer.accelerator.autocast():
        loss = trainer.compute_loss(trainer.model, batch)
    trainer.model.train(training)
    return float(loss)
