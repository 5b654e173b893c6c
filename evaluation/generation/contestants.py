"""The two that are compared, what both answer, and the engine that answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.generation.answers import Answer, Role, answers_of
from project.errors import InputError
from project.paths import ADAPTER, ANSWERS, CHAMPION, NUMERICS, rows_of
from project.records.adapters import Adapter, Contestant, Engine, Numerics, Opponent
from project.records.data import Row, Split
from project.records.record import Digest

if TYPE_CHECKING:
    pass


def both_contestants() -> tuple[Contestant, Contestant]:
    """Champion and challenger; without a champion the bare base is in its place."""
    opponent = Opponent.read(CHAMPION)
    if opponent.contestant is None:
        raise InputError("does not say what answers: run `dvc repro`", file=CHAMPION)
    return opponent.contestant, Adapter.read(ADAPTER).contestant


def dev_items() -> tuple[Row, ...]:
    """The dev items that stage `generate` had both answer."""
    there = {answer.item for answer in Answer.read_lines(answers_of(Role.CHAMPION, Split.DEV))}
    return tuple(row for row in Row.read_lines(rows_of(Split.DEV)) if row.id in there)


def left_out(part: Split, items: Sequence[Row]) -> dict[str, int]:
    """How many items of an eval set are left out, for the evidence; nothing where none is."""
    fewer = len(Row.read_lines(rows_of(part))) - len(items)
    return {part: fewer} if fewer else {}


# --- recorded engine ------------------------------------------------------------------------------

# Which engine gave the answers that stage `generate` left.

ENGINE = "engine.json"  # beside the answers of a server; there is none where this process answered
CONVERSATIONS = "conversations.txt"  # beside the answers, where the settings say how these go


def recorded_numerics() -> Numerics:
    """What these answers were made in, and what is to be compared with them has to be."""
    path = ANSWERS / ENGINE
    engine = Engine.read(path) if path.exists() else None
    return Numerics.read(NUMERICS).model_copy(update={"engine": engine})


def recorded_conversations() -> Digest | None:
    """Of what the settings said of how conversations go; None where they said nothing."""
    path = ANSWERS / CONVERSATIONS
    return path.read_text() if path.exists() else None


def record_engine(numerics: Numerics, folder: Path) -> None:
    if numerics.engine is not None:
        numerics.engine.write(folder / ENGINE)
