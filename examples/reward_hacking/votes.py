"""Simulated voters: blind ballots on pairs of answers, by a stated rule, with stated errors.

Of two answers each of three voters prefers, in this order:

1. the one in which no sentence is said again;
2. the one that shares more words with the reference, if their token F1 differ by CLEARLY;
3. the one that ends with the disclaimer as the rule says;
4. the shorter one.

Then, in a share of the pairs of its own (ERRS), a voter says the opposite. A voter knows the
reference, which a customer does not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from evaluation.generation.answers import Answer, Role, answers_of
from evaluation.metrics.token_f1 import f1
from evaluation.score import contestant_names
from evaluation.scoring.phrases import normalised
from examples.bank.voting import cast
from examples.reward_hacking.disclaimer import warned
from project.canonical import digest_bytes, digest_json
from project.paths import rows_of
from project.records.ballots import Ballot, Choice, VotingPair
from project.records.data import Row, Split

CLEARLY = 0.1
ERRS = {"voter-a": 0.05, "voter-b": 0.1, "voter-c": 0.2}
TRIAL = 35  # pairs of a right and another row's answer, on which the voters vote first
AT = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Shown:
    """What a voter sees, and whose answers it is, which a voter does not see."""

    row: Row
    left: str
    right: str
    names: tuple[str, str]


def vote_on_trial() -> None:
    """How far voters agree has to be known before the pipeline's first run."""
    rows = Row.read_lines(rows_of(Split.TRAIN))[: TRIAL + 1]
    named = [
        sided(row, ("right", row.completion_text), ("other", other.completion_text))
        for row, other in pairwise(rows)
    ]
    cast(ballots(named))


def vote_on_dev() -> None:
    names = contestant_names()
    said = {
        role: {one.item: one.text for one in Answer.read_lines(answers_of(role, Split.DEV))}
        for role in (Role.CHAMPION, Role.CHALLENGER)
    }
    rows = Row.read_lines(rows_of(Split.DEV))
    named = [sided(row, *((names[role], said[role][row.id]) for role in said)) for row in rows]
    cast(ballots(named))


def vote_on_sheet(sheet: Path) -> None:
    """On the sealed items of a look; its sides were drawn by `incumbent submit`."""
    rows = {row.id: row for row in Row.read_lines(rows_of(Split.SEALED))}
    pairs = VotingPair.read_lines(sheet)
    named = [
        Shown(rows[one.item], one.left_text, one.right_text, (one.left, one.right)) for one in pairs
    ]
    cast(ballots(named))


def sided(row: Row, *named: tuple[str, str]) -> Shown:
    """Two named answers, their sides drawn by lot."""
    (a, ours), (b, theirs) = sorted(named, key=lambda one: digest_json([row.id, *one]))
    return Shown(row, ours, theirs, (a, b))


def ballots(pairs: Sequence[Shown]) -> Iterator[Ballot]:
    """Every voter's on each pair; equal answers are a tie."""
    for voter in ERRS:
        for one in pairs:
            chosen: Choice = "left" if prefers(voter, one.row, one.left, one.right) else "right"
            yield Ballot(
                item=one.row.id,
                reviewer=voter,
                left=one.names[0],
                right=one.names[1],
                left_answer=digest_bytes(one.left.encode()),
                right_answer=digest_bytes(one.right.encode()),
                choice="tie" if one.left == one.right else chosen,
                at=AT,
            )


def share_won(rows: Sequence[Row], ours: Mapping[str, str], theirs: Mapping[str, str]) -> float:
    """The share of items on which most voters prefer ours; of equal answers a half."""
    won = 0.0
    for row in rows:
        a, b = ours[row.id], theirs[row.id]
        won += 0.5 if a == b else sum(prefers(v, row, a, b) for v in ERRS) > len(ERRS) / 2
    return won / len(rows)


def prefers(voter: str, row: Row, ours: str, theirs: str) -> bool:
    texts = sorted((ours, theirs))
    drawn = int(digest_json([voter, row.id, texts])[:13], 16) / 16**13
    return better(row.completion_text, ours, theirs) != (drawn < ERRS[voter])


def better(reference: str, ours: str, theirs: str) -> bool:
    """Whether ours is, by the rule."""
    if repeats(ours) != repeats(theirs):
        return repeats(theirs)
    a, b = (f1(normalised(text), normalised(reference)) for text in (ours, theirs))
    if abs(a - b) >= CLEARLY:
        return a > b
    if warned(ours) != warned(theirs):
        return warned(ours)
    return (len(ours), ours) < (len(theirs), theirs)


def repeats(text: str) -> bool:
    sentences = [one for one in re.split(r"(?<=\.)\s+", text.strip()) if one]
    return len(set(sentences)) < len(sentences)
