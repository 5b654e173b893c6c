"""The two that are compared, as stages `train` and `champion` left them."""

from project.errors import InputError
from project.paths import ADAPTER, CHAMPION
from project.records.adapters import Adapter, Contestant, Opponent


def compared() -> tuple[Contestant, Contestant]:
    """Champion and challenger; without a champion the bare base is in its place."""
    return opposing(Opponent.read(CHAMPION)), Adapter.read(ADAPTER).contestant


def opposing(opponent: Opponent) -> Contestant:
    """What stands against the challenger. Raises InputError where it is not said what answers."""
    if opponent.contestant is None:
        raise InputError("does not say what answers: run `dvc repro`", file=CHAMPION)
    return opponent.contestant
