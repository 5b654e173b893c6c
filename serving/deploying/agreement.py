"""How far two answers are the same, from their beginning on."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from statistics import fmean

from project.unicode_words import words


def agreement(answer: str, other: str) -> float:
    """The share of words, from the beginning, that are the same: 0 to 1.

    Engines round differently. Where two tokens are nearly as likely they may choose another one,
    and after it all is different; so what comes before it is what shows the weights.
    """
    if answer == other:
        return 1.0
    one, two = units(answer), units(other)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))
    return same / max(len(one), len(two), 1)


def units(text: str) -> Sequence[str]:
    """Words; characters where there are none, as in a line of code."""
    return words(text) or text.strip()


def mean_agreement(answers: Mapping[str, str], others: Mapping[str, str]) -> float:
    """Over the items of the first; both by item."""
    return fmean(agreement(answers[item], others[item]) for item in answers)
