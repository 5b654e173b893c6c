"""What people vote on where their ballots decide: both answers to each sealed item, blind."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evaluation.generation.answers import SIDES, Answer, Role
from project.canonical import digest_bytes, digest_json
from project.records.ballots import VotingPair
from project.records.data import Row
from project.records.record import Digest, write_records


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
            cluster=row.group,
            slices=tuple(f"{key}={value}" for key, value in sorted(row.slices.items())),
        )


def answer_digest(text: str) -> Digest:
    """What a ballot is bound to."""
    return digest_bytes(text.encode())
