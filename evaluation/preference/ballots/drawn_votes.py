"""Which items people are asked about first, and their votes as draws of known chances."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from evaluation.preference.people_and_judge.drawing import draw_order
from project.canonical import digest_json
from project.records.ballots import VotingPair
from project.records.record import Digest

MOST_DRAWS = 100  # times the items: who has not been drawn by then comes last


def asking_order(sheet: Digest, pairs: Sequence[VotingPair]) -> tuple[int, ...]:
    """The positions of all items in the order in which people are asked: by the recorded draws
    where a judge gave chances, else by lot. The seed is the sheet, so that it is the same for ever.
    """
    return _order(sheet, tuple(pair.item for pair in pairs), chances_of(pairs))


def chances_of(pairs: Sequence[VotingPair]) -> tuple[float, ...] | None:
    """The chance of each item at every draw; None where the items were not judged."""
    chances = tuple(pair.chance for pair in pairs if pair.chance is not None)
    return chances if pairs and len(chances) == len(pairs) else None


@lru_cache(maxsize=64)
def _order(
    sheet: Digest, items: tuple[str, ...], chances: tuple[float, ...] | None
) -> tuple[int, ...]:
    by_lot = sorted(range(len(items)), key=lambda i: digest_json([sheet, items[i]]))
    return tuple(dict.fromkeys((*drawn(sheet, chances), *by_lot)))


def draws_of(
    sheet: Digest, pairs: Sequence[VotingPair], said: Sequence[float | None]
) -> list[tuple[int, float]]:
    """People's word on each draw, as far as each item that was drawn has closed. An item that comes
    again counts again; what was voted on out of turn counts when its turn comes.
    """
    found: list[tuple[int, float]] = []
    seen: set[int] = set()
    for position in drawn(sheet, chances_of(pairs)):
        if (word := said[position]) is None:
            break
        found.append((position, word))
        seen.add(position)
        if len(seen) == len(pairs):
            break  # each item was drawn: more draws tell nothing more
    return found


def drawn(sheet: Digest, chances: tuple[float, ...] | None) -> Iterator[int]:
    """Positions of items as they are drawn; none without chances."""
    return islice(draw_order(chances, sheet), MOST_DRAWS * len(chances)) if chances else iter(())
