"""Which items people are asked about: drawn by chances that are on record, more where the judge is
unsure.
"""

import hashlib
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate, count
from math import fsum, isfinite, sqrt

# How much variance is left on an item of which a judge is sure, because it may be wrong. At 0.2 a
# judge that is wrong throughout costs about 1 to 3 % of the votes (docs/votes.md).
DOUBT = 0.2
DIGITS = 53  # bits of a draw, as many as a float holds


def draw_chances(preferences: Sequence[float | None], floor: float = DOUBT) -> tuple[float, ...]:
    """The chance of each item [N] at every draw; their sum is one.

    q_i ∝ √(f_i (1 − f_i) + floor) for the judge's win probability f_i. Without the floor these are
    the chances of Zrnic & Candès (2024), "Active statistical inference": they make the error
    smallest where the judge's probabilities are right. The floor is what they get wrong: with it no
    chance is under √(floor / (floor + ¼)) of an even one, ⅔ at 0.2. None: the judge said nothing,
    which counts as ½. Raises ValueError for no items, a floor of 0 or less, and no probabilities.
    """
    if not preferences or not 0 < floor < float("inf"):
        raise ValueError("needs an item, and a floor above 0")
    judge = [0.5 if f is None else f for f in preferences]
    if odd := [f for f in judge if not 0 <= f <= 1]:
        raise ValueError(f"{odd[0]!r} is no probability")
    spreads = [sqrt(f * (1 - f) + floor) for f in judge]
    total = fsum(spreads)
    return tuple(spread / total for spread in spreads)


def draw_order(chances: Sequence[float], seed: str) -> Iterator[int]:
    """Positions of items, drawn with replacement by these chances: without an end, and the same for
    a seed for ever, on every machine and with every version of a library.

    An item that comes again needs no second vote: what was said of it counts again. Raises
    ValueError for what are no chances.
    """
    if not chances or not all(isfinite(q) and q >= 0 for q in chances) or not fsum(chances) > 0:
        raise ValueError("needs chances of 0 or more, and one above 0")
    total = fsum(chances)
    ends = [min(1.0, end / total) for end in accumulate(chances)]
    last = max(i for i, chance in enumerate(chances) if chance > 0)
    return (min(bisect(ends, lot(seed, number)), last) for number in count())


def lot(seed: str, number: int) -> float:
    """A number from [0, 1), as good as drawn."""
    digest = hashlib.sha256(f"{seed}\n{number}".encode()).digest()
    return float(int.from_bytes(digest[:8]) >> (64 - DIGITS)) / 2.0**DIGITS
