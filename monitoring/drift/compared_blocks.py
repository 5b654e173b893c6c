"""Which rows of two compared sets belong together, such as those of one user."""

from collections.abc import Iterable
from typing import TypeGuard

from project.errors import InputError

Blocks = Iterable[object]  # names; None and NaN: the row belongs to no other
Pair = tuple[Blocks | None, Blocks | None]


def blocks_of(blocks: Blocks | Pair | None, m: int, n: int) -> tuple[list[str], list[str]]:
    """Of the reference's rows and of current's; a row without one is a block of its own."""
    before, now = blocks if is_pair(blocks) else (None, blocks)
    found = named("before", before, m), named("now", now, n)
    if tuple(map(len, found)) != (m, n):
        counts = " and ".join(str(len(side)) for side in found)
        raise InputError(f"there are {counts} blocks for {m} and {n} rows")
    return found


def is_pair(blocks: object) -> TypeGuard[Pair]:
    """Whether it is of both sides: a tuple of two that are no names themselves."""
    return isinstance(blocks, tuple) and len(blocks) == 2 and not isinstance(blocks[0], str)


def named(side: str, blocks: Blocks | None, count: int) -> list[str]:
    """A name for each row's block, the same on both sides where it is the same block."""
    each = [None] * count if blocks is None else list(blocks)
    return [
        f"{side} {row}" if is_missing(block) else f"block {plain(block)}"
        for row, block in enumerate(each)
    ]


def is_missing(block: object) -> bool:
    """None, NaN, and what pandas has for them."""
    return block is None or block != block or type(block).__name__ == "NAType"


def plain(block: object) -> object:
    """The number 7 where a column with gaps made 7.0 of it."""
    return int(block) if isinstance(block, float) and block.is_integer() else block
