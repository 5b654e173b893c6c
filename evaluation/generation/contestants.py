"""The two that are compared, as stages `train` and `champion` left them, and what both answer."""

from pathlib import Path

from evaluation.evaluation_settings import Decoding
from evaluation.generation.hosted import answered
from project.errors import InputError
from project.paths import ADAPTER, ANSWERS, CHAMPION, NUMERICS, rows_of
from project.records.adapters import Adapter, Contestant, Engine, Numerics, Opponent
from project.records.data import Row, Split
from project.settings import load


def both_contestants() -> tuple[Contestant, Contestant]:
    """Champion and challenger; without a champion the bare base is in its place."""
    opponent = Opponent.read(CHAMPION)
    if opponent.contestant is None:
        raise InputError("does not say what answers: run `dvc repro`", file=CHAMPION)
    return opponent.contestant, Adapter.read(ADAPTER).contestant


MOST_LEFT_OUT = 0.2  # of an eval set's items: the others would be another eval set


def samples_of(part: str) -> int:
    """How many answers an item of a part gets; suites beside the eval sets are answered once."""
    return load(Decoding).samples if part in tuple(Split) else 1


def items_of(part: Split) -> tuple[Row, ...]:
    """The items of an eval set that both can be compared on: what came after a hosted model's
    answers were kept is left out. Raises InputError where that is too much.
    """
    rows = Row.read_lines(rows_of(part))
    found = answered(rows, both_contestants(), load(Decoding), samples_of(part))
    if len(found) < (1 - MOST_LEFT_OUT) * len(rows):
        raise InputError(
            f"{len(rows) - len(found)} of {len(rows)} items were not asked when the hosted model's "
            f"answers were kept, or with another evaluation.decoding; {MOST_LEFT_OUT:.0%} may be "
            "left out. Put the settings back, or add the model again, so that it is asked now: "
            "`incumbent registry add-contestant --hosted …`",
            file=rows_of(part),
        )
    return found


def left_out(part: Split) -> int:
    """How many items of an eval set are left out, for the evidence."""
    return len(Row.read_lines(rows_of(part))) - len(items_of(part))


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
