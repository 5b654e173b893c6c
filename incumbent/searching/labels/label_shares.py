"""Shares of the training rows, drawn at random in whole groups, each within the larger ones."""

from collections.abc import Sequence
from fractions import Fraction

from project.canonical import digest_json
from project.errors import InputError
from project.records.data import Row, counted

FEWEST = 8  # rows of the smallest share: fewer teach nothing that a curve could go through


def read_shares(text: str) -> tuple[Fraction, ...]:
    """Such as 1/8,1/4,1/2,1, in their order. Raises InputError."""
    shares = sorted({read_share(part) for part in text.split(",")})
    if len(shares) < 2:
        problem = "a curve needs two shares or more: write them such as 1/8,1/4,1/2,1"
        raise InputError(problem, field="--shares")
    return tuple(shares)


def read_share(text: str) -> Fraction:
    try:
        share = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if not 0 < share <= 1:
        problem = f"{text.strip()!r} is no share above 0 and up to 1: write it such as 1/8 or 0.125"
        raise InputError(problem, field="--shares")
    return share


def nested(rows: Sequence[Row], shares: Sequence[Fraction], seed: int) -> list[list[Row]]:
    """Rows for each share, about so many and in the order of the data; a function of the rows'
    groups and the seed. Raises InputError where a share is too small, or has the rows of another.

    A group is taken whole or not at all, so a share may have a few rows more than its number.
    """
    groups = sorted({row.group for row in rows}, key=lambda name: digest_json(["s", seed, name]))
    sizes = dict.fromkeys(groups, 0)
    for row in rows:
        sizes[row.group] += 1
    found: list[list[Row]] = []
    for number, share in enumerate(shares):
        wanted = round(share * len(rows))
        if wanted < FEWEST:
            there = counted(len(rows), "training row")
            problem = f"{share} of {there} are {wanted}, and fewer than {FEWEST} teach nothing"
            raise InputError(f"{problem}: leave this share out", field="--shares")
        taken = first_groups(groups, sizes, wanted)
        found.append([row for row in rows if row.group in taken])
        if number and len(found[-1]) == len(found[-2]):
            problem = f"{shares[number - 1]} and {share} take the same {len(found[-1])} rows"
            few = f"the rows are in too few groups, {len(groups)}: leave one of the two out"
            raise InputError(f"{problem}, for {few}", field="--shares")
    return found


def first_groups(groups: Sequence[str], sizes: dict[str, int], wanted: int) -> set[str]:
    """As many of the groups, in their order, as have so many rows together."""
    taken, there = set[str](), 0
    for name in groups:
        if there >= wanted:
            break
        taken.add(name)
        there += sizes[name]
    return taken
