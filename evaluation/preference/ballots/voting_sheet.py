"""What people vote on where their ballots decide: both answers to each sealed item, blind."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evaluation.generation.answers import SIDES, Answer, Role
from project.canonical import digest_bytes, digest_json
from project.records.data import Row
from project.records.record import Digest, Record, write_records


class VotingPair(Record):
    """Two answers to an item. `left` and `right` are what a ballot calls those who gave them; a
    ballot with the digests too counts for these very answers alone.
    """

    item: str
    prompt: str
    left: str
    right: str
    left_text: str
    right_text: str
    left_answer: Digest
    right_answer: Digest


def write_voting_sheet(
    path: Path,
    rows: Sequence[Row],
    answers: Mapping[Role, Sequence[Answer]],
    names: Mapping[Role, str],
) -> None:
    """Write a pair of answers for each row, as JSON Lines; the sides are drawn by lot."""
    write_records(path, pairs(rows, answers, names))


def pairs(
    rows: Sequence[Row], answers: Mapping[Role, Sequence[Answer]], names: Mapping[Role, str]
) -> Iterator[VotingPair]:
    for i, row in enumerate(rows):
        sides = [(names[role], answers[role][i].text) for role in SIDES]
        # A lot that is the same whenever the sheet is written again.
        if int(digest_json([row.id, sides])[0], 16) % 2:
            sides.reverse()
        (left, left_text), (right, right_text) = sides
        yield VotingPair(
            item=row.id,
            prompt=row.prompt_text,
            left=left,
            right=right,
            left_text=left_text,
            right_text=right_text,
            left_answer=answer_digest(left_text),
            right_answer=answer_digest(right_text),
        )


def answer_digest(text: str) -> Digest:
    """What a ballot is bound to."""
    return digest_bytes(text.encode())
