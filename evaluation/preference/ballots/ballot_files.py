"""People's blind ballots as files, what they say of each item, and how items are drawn for them."""

import hashlib
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, count, islice
from math import fsum, isfinite, sqrt
from pathlib import Path
from statistics import fmean

from evaluation.generation.answers import SIDES, Answer, Role
from project.canonical import digest_bytes, digest_json, moment_of
from project.errors import InputError
from project.records.ballots import Ballot, VotingPair, counting
from project.records.data import Row
from project.records.record import Digest, Record, read_input, write_records
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
    comparisons: dict[tuple[str, tuple[str, str]], list[Ballot]] = defaultdict(list)
    for ballot in sorted(ballots, key=lambda ballot: moment_of(ballot.at.upper())):
        comparisons[ballot.item, ballot.pair].append(ballot)
    return dict(sorted(comparisons.items()))


def leader(votes: Counter[str | None]) -> str | None:
    """Whoever has more ballots than anybody else; tie and both bad together count as None."""
    (winner, most), *others = votes.most_common(2)
    return None if others and others[0][1] == most else winner


# --- drawn votes ----------------------------------------------------------------------------------

# Which items people are asked about first, and their votes as draws of known chances.

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
    return tuple(dict.fromkeys((*drawn_positions(sheet, chances), *by_lot)))


def draws_of(
    sheet: Digest, pairs: Sequence[VotingPair], probabilities: Sequence[float | None]
) -> list[tuple[int, float]]:
    """People's word on each draw, as far as each item that was drawn has closed. An item that comes
    again counts again; what was voted on out of turn counts when its turn comes.
    """
    draws: list[tuple[int, float]] = []
    seen: set[int] = set()
    for position in drawn_positions(sheet, chances_of(pairs)):
        if (word := probabilities[position]) is None:
            break
        draws.append((position, word))
        seen.add(position)
        if len(seen) == len(pairs):
            break  # each item was drawn: more draws tell nothing more
    return draws


def drawn_positions(sheet: Digest, chances: tuple[float, ...] | None) -> Iterator[int]:
    """Positions of items as they are drawn; none without chances."""
    return islice(draw_order(chances, sheet), MOST_DRAWS * len(chances)) if chances else iter(())


# --- voting sheet ---------------------------------------------------------------------------------

# What people vote on where their ballots decide: both answers to each sealed item, blind.


def write_voting_sheet(
    path: Path,
    rows: Sequence[Row],
    answers: Mapping[Role, Sequence[Answer]],
    names: Mapping[Role, str],
) -> None:
    """Write a pair of answers for each row, as JSON Lines; the sides are drawn by lot."""
    write_records(path, pairs(rows, answers, names))


def judged_pairs(
    sheet: Sequence[VotingPair], judge: Sequence[float | None], chances: Sequence[float]
) -> tuple[VotingPair, ...]:
    """The same pairs with a judge's chance that the challenger is preferred, and with the chance by
    which each is drawn.
    """
    return tuple(
        pair.model_copy(update={"preference": preference, "chance": chance})
        for pair, preference, chance in zip(sheet, judge, chances, strict=True)
    )


def pairs(
    rows: Sequence[Row], answers: Mapping[Role, Sequence[Answer]], names: Mapping[Role, str]
) -> Iterator[VotingPair]:
    """A pair of answers for each row, with what votes on it are weighed with."""
    for i, row in enumerate(rows):
        given = [answers[role][i] for role in SIDES]
        sides = [(names[role], answer.text) for role, answer in zip(SIDES, given, strict=True)]
        # A lot that is the same whenever the sheet is written again.
        if int(digest_json([row.id, sides])[0], 16) % 2:
            sides.reverse()
            given.reverse()
        (left, left_text), (right, right_text) = sides
        left_turns, right_turns = (answer.turns for answer in given)
        talk = row.is_conversation or left_turns or right_turns
        yield VotingPair(
            item=row.id,
            prompt=row.prompt_text,
            left=left,
            right=right,
            left_text=left_text,
            right_text=right_text,
            left_answer=answer_digest(left_text),
            right_answer=answer_digest(right_text),
            cluster=row.group,
            slices=tuple(f"{key}={value}" for key, value in sorted(row.slices.items())),
            evidence=row.evidence,
            messages=row.prompt if talk else None,
            tools=row.tools,
            left_turns=left_turns,
            right_turns=right_turns,
        )


def answer_digest(text: str) -> Digest:
    """What a ballot is bound to."""
    return digest_bytes(text.encode())


# --- drawing --------------------------------------------------------------------------------------

# Which items people are asked about: drawn by chances that are on record, more where the judge is
# unsure.

# How much variance is left on an item of which a judge is sure, because it may be wrong. At 0.2 a
# judge that is wrong throughout costs about 1 to 3 % of the votes (docs/explain/judging.md).
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
