"""People's blind ballots as files, and what they say of each item."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from project.errors import InputError
from project.records.ballots import Ballot, counting
from project.records.record import Record, read_input
from project.times import moment_of
from project.untrusted_input import refuse_doubled_keys


class Majority(Record):
    """What the ballots on one item say of two versions."""

    item: str
    versions: tuple[str, str]  # by name
    ballots: int
    closed: bool  # False: it has fewer ballots than an item closes at, and counts for nothing yet
    winner: str | None  # None: no version has more ballots than the other one and than neither


def read_ballots(path: Path) -> tuple[Ballot, ...]:
    """Read JSON Lines of ballots. Raises InputError naming file, line and field.

    A reviewer has one ballot on an item and a pair of versions, or of their answers where it names
    them, whichever side they stand on.
    """
    ballots: list[Ballot] = []
    seen: dict[tuple[object, ...], int] = {}
    for number, line in enumerate(read_input(path).splitlines(), start=1):
        if not line.strip():
            continue
        ballot = Ballot.parse(line, path, number)
        refuse_doubled_keys(line, path, number)
        answers = frozenset((ballot.left_answer, ballot.right_answer))
        key = (ballot.reviewer, ballot.item, ballot.pair, answers)
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


def preferences(
    ballots: Iterable[Ballot], champion: str, challenger: str, votes: int | None = None
) -> dict[str, float]:
    """By item, how its ballots on these two prefer the challenger: 1, 0, and ½ for neither.

    The mean of the ballots by which it counts (project.records.ballots.counting), and open items
    are left out; None: of all ballots.
    """
    worth = {challenger: 1.0, champion: 0.0, None: 0.5}
    return {
        item: fmean(worth[ballot.winner] for ballot in counted)
        for (item, pair), cast in by_comparison(ballots).items()
        if set(pair) == {champion, challenger} and (counted := counting(cast, votes))
    }


def majorities(ballots: Iterable[Ballot], votes: int | None = None) -> tuple[Majority, ...]:
    """The majority of each item and pair of versions, by item: among its first `votes` ballots,
    among all of them where None.

    A majority that is counted anew with every ballot may turn, and then a test that is looked at as
    ballots come in does not hold its level. So an item closes at a number that is fixed in advance.
    """
    return tuple(
        Majority(
            item=item,
            versions=pair,
            ballots=len(cast),
            closed=counting(cast, votes) is not None,
            winner=leader(Counter(ballot.winner for ballot in counting(cast, votes) or cast)),
        )
        for (item, pair), cast in by_comparison(ballots).items()
    )


def by_comparison(ballots: Iterable[Ballot]) -> dict[tuple[str, tuple[str, str]], list[Ballot]]:
    """The ballots on each item and pair of versions, by item; in the order of time, and of one
    moment in the order that they come in.
    """
    found: dict[tuple[str, tuple[str, str]], list[Ballot]] = defaultdict(list)
    for ballot in sorted(ballots, key=lambda ballot: moment_of(ballot.at.upper())):
        found[ballot.item, ballot.pair].append(ballot)
    return dict(sorted(found.items()))


def leader(votes: Counter[str | None]) -> str | None:
    """Whoever has more ballots than anybody else; tie and both bad together count as None."""
    (winner, most), *others = votes.most_common(2)
    return None if others and others[0][1] == most else winner
