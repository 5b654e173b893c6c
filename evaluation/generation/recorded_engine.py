"""Which engine gave the answers that stage `generate` left."""

from pathlib import Path

from project.paths import ANSWERS, NUMERICS
from project.records.adapters import Engine, Numerics

ENGINE = "engine.json"  # beside the answers of a server; there is none where this process answered


def recorded_numerics() -> Numerics:
    """What these answers were made in, and what is to be compared with them has to be."""
    path = ANSWERS / ENGINE
    engine = Engine.read(path) if path.exists() else None
    return Numerics.read(NUMERICS).model_copy(update={"engine": engine})


def record_engine(numerics: Numerics, folder: Path) -> None:
    if numerics.engine is not None:
        numerics.engine.write(folder / ENGINE)
