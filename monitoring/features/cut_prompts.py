"""Prompts that are longer than what is read of them."""

import numpy as np

from monitoring.features import embedder, prompt_surprise
from monitoring.signals.signal import Batch

WORTH_SAYING = 0.01  # of the prompts


def cut_prompts(batch: Batch) -> int:
    """The number of prompts of which a part was not read, by the embedder or by the champion; each
    once.
    """
    if batch.prompts is None:
        return 0
    nats = batch.surprise
    read = np.zeros(len(batch), bool) if nats is None else ~np.isnan(nats)
    return sum(
        embedder.is_cut(text) or (by_champion and prompt_surprise.is_cut(text))
        for text, by_champion in zip(batch.prompts, read.tolist(), strict=True)
    )


def cut_notes(cut: int, prompts: int) -> tuple[str, ...]:
    """Words for people, where it is more than a few."""
    if cut <= WORTH_SAYING * prompts:
        return ()
    return (f"{cut / prompts:.0%} of the prompts are longer than what is read of them",)
