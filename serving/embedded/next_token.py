"""The next token of each row of a batch: the likeliest, or one that is drawn."""

from collections.abc import Sequence
from random import Random

from torch import Tensor, searchsorted

from serving.embedded.question import Sampling


def next_tokens(logits: Tensor, rows: Sequence[tuple[Sampling, Random]]) -> list[int]:
    """One token for each row; logits [rows, vocabulary]."""
    tokens: list[int] = logits.argmax(-1).tolist()
    for i, (sampling, chance) in enumerate(rows):
        if sampling.temperature:
            tokens[i] = drawn(logits[i], sampling, chance.random())
    return tokens


def drawn(logits: Tensor, sampling: Sampling, point: float) -> int:
    """The token at which the probabilities, summed up, pass `point` of all that may be drawn.

    With top_p (nucleus sampling: Holtzman et al. 2020) these are the likeliest tokens, up to the
    one that brings their sum to it.
    """
    scores = logits.double()
    shares = ((scores - scores.max()) / sampling.temperature).softmax(-1)
    shares, order = shares.sort(descending=True, stable=True)
    sums = shares.cumsum(-1)
    kept = max(1, int((sums - shares < sampling.top_p).sum()))
    sums = sums[:kept]
    index = int(searchsorted(sums, point * sums[-1], right=True))
    return int(order[min(index, kept - 1)])
