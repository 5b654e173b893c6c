"""People's blind ballots as files, and what they say of each item."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from project.errors import InputError
from project.records.ballots import Ballot
from project.records.record import Record, read_input
from project.untrusted_input import refuse_doubled_keys


class Majority(Record):
    """What the ballots on one item say of two versions."""

    item: str
    versions: tuple[str, str]  # by name
    ballots: int
    winner: str | None  # None: no version has more ballots than the other one and than neither


def read_ballots(path: Path) -> tuple[Ballot, ...]:
    """Read JSON Lines of ballots. Raises InputError naming file, line and field.

    A reviewer has one ballot on an item and a pair of versions, whichever side they stand on.
    """
    ballots: list[Ballot] = []
    seen: dict[tuple[str, str, tuple[str, str]], int] = {}
    for number, line in enumerate(read_input(path).splitlines(), start=1):
        if not line.strip():
            continue
        ballot = Ballot.parse(line, path, number)
        refuse_doubled_keys(line, path, number)
        key = (ballot.reviewer, ballot.item, ballot.pair)
        if (first := seen.setdefault(key, number)) != number:
            a, b = ballot.pair
            problem = f"{ballot.reviewer!r} voted on {a} and {b} of item {ballot.item!r}"
            raise InputError(
                f"{problem} on line {first} already", file=path, line=number, field="reviewer"
            )
        ballots.append(ballot)
    if not ballots:
        raise InputError("holds no ballots", file=path)
    return tuple(ballots)


def preferences(ballots: Iterable[Ballot], champion: str, challenger: str) -> dict[str, float]:
    """By item, how its ballots on these two prefer the challenger: 1, 0, and ½ for neither."""
    found: dict[str, list[float]] = defaultdict(list)
    worth = {challenger: 1.0, champion: 0.0, None: 0.5}
    for ballot in ballots:
        if set(ballot.pair) == {champion, challenger}:
            found[ballot.item].append(worth[ballot.winner])
    return {item: fmean(found[item]) for item in sorted(found)}


def majorities(ballots: Iterable[Ballot]) -> tuple[Majority, ...]:
    """The majority of each item and pair of versions, by item."""
    cast: dict[tuple[str, tuple[str, str]], Counter[str | None]] = defaultdict(Counter)
    for ballot in ballots:
        cast[ballot.item, ballot.pair][ballot.winner] += 1
    return tuple(
        Majority(item=item, versions=pair, ballots=votes.total(), winner=leader(votes))
        for (item, pair), votes in sorted(cast.items())
    )


def leader(votes: Counter[str | None]) -> str | None:
    """Whoever has more ballots than anybody else; tie and both bad together count as None."""
    (winner, most), *others = votes.most_common(2)
    return None if others and others[0][1] == most else winner
