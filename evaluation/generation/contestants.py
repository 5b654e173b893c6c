"""The two that are compared, as stages `train` and `champion` left them."""

from pathlib import Path

from project.errors import InputError
from project.paths import ADAPTER, ANSWERS, CHAMPION, NUMERICS
from project.records.adapters import Adapter, Contestant, Engine, Numerics, Opponent


def both_contestants() -> tuple[Contestant, Contestant]:
    """Champion and challenger; without a champion the bare base is in its place."""
    opponent = Opponent.read(CHAMPION)
    if opponent.contestant is None:
        raise InputError("does not say what answers: run `dvc repro`", file=CHAMPION)
    return opponent.contestant, Adapter.read(ADAPTER).contestant


# --- recorded engine ------------------------------------------------------------------------------

# Which engine gave the answers that stage `generate` left.

ENGINE = "engine.json"  # beside the answers of a server; there is none where this process answered


def recorded_numerics() -> Numerics:
    """What these answers were made in, and what is to be compared with them has to be."""
    path = ANSWERS / ENGINE
    engine = Engine.read(path) if path.exists() else None
    return Numerics.read(NUMERICS).model_copy(update={"engine": engine})


def record_engine(numerics: Numerics, folder: Path) -> None:
    if numerics.engine is not None:
        numerics.engine.write(folder / ENGINE)
