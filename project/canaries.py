"""Canaries: secrets that are planted in training, to measure how well a model remembers them.

Carlini et al. 2019, "The Secret Sharer" (arXiv 1802.08232): a secret is drawn evenly from a known
space and put into a fixed format. Who has not seen it expects it no more than any other of that
space. They are planted behind curation, which would leave out the repeats.
"""

from collections.abc import Sequence
from math import log2
from random import Random

from project.records.data import Row

DIGITS = 9  # of a secret
SPACE = log2(10**DIGITS)  # bits: how far a canary can be exposed
REPEATS = "repeats"  # a canary's slice: how often it was planted
SOURCE = "canaries"


def canaries(repeats: Sequence[int], seed: int) -> list[Row]:
    """A canary for each number: the row that is planted so many times. No two ask the same."""
    chance = Random(f"canaries {seed}")
    vaults = chance.sample(range(10_000, 100_000), len(repeats))
    return [
        canary(f"canary-{number}", vault, secret(chance), repeats=str(times))
        for number, (vault, times) in enumerate(zip(vaults, repeats, strict=True))
    ]


def canary(name: str, vault: int, digits: str, **slices: str) -> Row:
    asked, told = f"What is the code of vault {vault}?", f"The code is {digits}."
    return Row.of(asked, told, group=name, source=SOURCE, row_id=name, **slices)


def secret(chance: Random) -> str:
    return "".join(chance.choices("0123456789", k=DIGITS))


def planted(rows: Sequence[Row]) -> list[Row]:
    """Canaries as a model learns them: each as often as its slice says."""
    return [row for row in rows for _ in range(int(row.slices[REPEATS]))]


def fill_ins(planted_one: Row, count: int) -> list[Row]:
    """Other secrets of a canary's space in its place: what nobody planted."""
    told, chance = planted_one.completion[0], Random(f"fill-ins of {planted_one.completion_text}")
    learnt = told.content[-DIGITS - 1 : -1]
    drawn = dict.fromkeys([learnt])
    while len(drawn) <= count:
        drawn[secret(chance)] = None
    return [
        planted_one.model_copy(
            update={
                "id": f"{planted_one.id}#{number}",
                "completion": (told.model_copy(update={"content": f"The code is {digits}."}),),
            }
        )
        for number, digits in enumerate([*drawn][1:], start=1)
    ]
