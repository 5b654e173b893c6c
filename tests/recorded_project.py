"""A small project with recorded answers, and the calibration of people's votes."""

from evaluation.generation.answers import Role
from examples import recorded_project
from project import paths
from project.files import write_bytes
from project.records.data import Row, Split
from tests.evaluation.test_decision import calibration

ITEMS = 30
PARTS = {
    part: tuple(
        Row.of(f"{part} question {n}?", f"the answer {n}!", group=f"{part}{n}", source="s")
        for n in range(ITEMS)
    )
    for part in (Split.TRAIN, Split.DEV, Split.SEALED)
}


def says(role: Role, row: Row) -> str:
    """The champion's answers lack an exclamation mark, but for a few."""
    text = row.completion_text
    if role == Role.CHAMPION and not text.endswith("0!"):
        text = text.rstrip("!")
    return text


def lay_out(settings: str) -> None:
    """As stages `base` to `train`, `champion` and `reward` leave it, in the current folder."""
    recorded_project.lay_out(settings, PARTS)
    calibration(people=True).write(paths.CALIBRATION)
    write_bytes(paths.PAIR_SOURCE, b"{}")


def answer_and_compare() -> None:
    recorded_project.answer_and_compare(PARTS, says)
