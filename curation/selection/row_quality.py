"""How much a row is worth learning from: by what the base makes of it, its length, its faults.

The instruction-following difficulty (IFD; Li et al. 2024, "From Quantity to Quality", NAACL) is the
loss of an answer given its prompt, divided by its loss without. At 1 and above the prompt does not
help at all, so that answer and prompt do not belong together; near 0 the base knows it already.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from curation.faults.finder import Finder
from curation.selection.selection_file import Quality
from project.records.data import Row

FENCE = 1.5  # interquartile ranges: Tukey's rule for what lies far outside
ODD_LENGTH = 0.5  # what is left of a row's quality if its answer is that far outside
A_FAULT = 0.5  # and for each fault


class AnswerLoss(NamedTuple):
    """Mean loss of an answer's token under the base, in nats; None where it cannot be read."""

    with_prompt: float | None
    alone: float | None


def qualities(
    rows: Sequence[Row],
    losses: Sequence[AnswerLoss],
    tokens: Sequence[int],
    faults: Mapping[str, Finder],
) -> list[Quality]:
    """Of each row [n], given the losses [n] and the lengths [n] of its answer."""
    ordinary = ordinary_lengths(tokens)
    return [
        quality(row, loss, ordinary[i], faults)
        for i, (row, loss) in enumerate(zip(rows, losses, strict=True))
    ]


def quality(
    row: Row, loss: AnswerLoss, ordinary_length: bool, faults: Mapping[str, Finder]
) -> Quality:
    found = tuple(name for name, finder in faults.items() if finder(row))
    ifd = difficulty(loss)
    return Quality(
        ifd=None if ifd is None else round(ifd, 4),
        learnable=0.0 if ifd is None or ifd >= 1 else round(ifd, 4),
        length=1.0 if ordinary_length else ODD_LENGTH,
        faultless=A_FAULT ** len(found),
        faults=found,
    )


def difficulty(loss: AnswerLoss) -> float | None:
    """The IFD; None where there is no loss to divide by."""
    if loss.with_prompt is None or not loss.alone:
        return None
    return loss.with_prompt / loss.alone


def ordinary_lengths(tokens: Sequence[int]) -> list[bool]:
    """Which lengths are within Tukey's fences of all, on a logarithmic scale."""
    logs = np.log(np.maximum(np.asarray(tokens, dtype=np.float64), 1))
    low, high = np.quantile(logs, [0.25, 0.75])
    reach = FENCE * (high - low)
    return [bool(low - reach <= value <= high + reach) for value in logs]
