"""Where the simulated reviewers vote: on dev while the pipeline waits, on sealed after a look."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from evaluation.score import contestant_names
from evaluation.scoring.built_in import stands_on
from examples.bank.negatives import Negative
from examples.bank.reviewer import ERRS, Pair, ballots
from project.files import write_bytes
from project.paths import rows_of
from project.records.ballots import Ballot, VotingPair
from project.records.data import Row, Split

BALLOTS = Path("datasets/ballots/ballots.jsonl")
SIDES_SEED = 5


def vote_on_trial(bad: Sequence[Negative]) -> None:
    """Ballots on right answers of training rows beside spoilt ones: how far reviewers agree has to
    be known before the pipeline's first run.
    """
    random, pairs, names = Random(SIDES_SEED), [], []
    for one in bad:
        texts = {"right": one.row.output, "spoilt": one.answer}
        left, right = random.sample([*texts], 2)
        names.append((left, right))
        pairs.append(pair_of(one.row.as_row(), texts[left], texts[right]))
    cast(ballots(pairs, names))


def vote_on_dev(answers: Mapping[str, Mapping[str, str]]) -> None:
    """Ballots on the dev answers of champion and challenger, by role and item."""
    rows = Row.read_lines(rows_of(Split.DEV))
    names = {role.value: name for role, name in contestant_names().items()}
    texts = {names[role]: answers[role] for role in ("champion", "challenger")}
    cast(compared(rows, texts))


def vote_on_sheet(sheet: Path) -> None:
    """Ballots on the voting sheet of a look; its sides were drawn by `incumbent submit`."""
    rows = {row.id: row for row in Row.read_lines(rows_of(Split.SEALED))}
    voted = VotingPair.read_lines(sheet)
    pairs = [pair_of(rows[one.item], one.left_text, one.right_text) for one in voted]
    cast(ballots(pairs, [(one.left, one.right) for one in voted]))


def compared(rows: Sequence[Row], texts: Mapping[str, Mapping[str, str]]) -> Iterable[Ballot]:
    """Ballots on two versions' answers to the same rows, the sides drawn by lot."""
    random, pairs, names = Random(SIDES_SEED), [], []
    for row in rows:
        sides = random.sample([*texts], 2)
        names.append((sides[0], sides[1]))
        pairs.append(pair_of(row, *(texts[name][row.id] for name in sides)))
    return ballots(pairs, names)


def pair_of(row: Row, left: str, right: str) -> Pair:
    """What a reviewer sees of a row and of two answers to it."""
    about, _, _ = row.id.rpartition(".")
    topic = row.slices.get("topic", "")
    evidence = stands_on(row) if row.evidence else ""
    return Pair(row.id, topic, about, row.prompt_text, row.completion_text, left, right, evidence)


def cast(new: Iterable[Ballot], path: Path = BALLOTS) -> None:
    """Put ballots behind those that are there; a ballot that was cast before counts once."""
    there = path.read_bytes().splitlines() if path.exists() else []
    lines = dict.fromkeys([*there, *(ballot.canonical() for ballot in new)])
    write_bytes(path, b"".join(line + b"\n" for line in lines))


def counted(path: Path) -> dict[str, Any]:
    """What `judge ballots` says of a file; an item closes when all reviewers have voted."""
    command = ["incumbent", "judge", "ballots", str(path), "--votes", str(len(ERRS)), "--json"]
    found: dict[str, Any] = json.loads(subprocess.check_output(command))
    return found
