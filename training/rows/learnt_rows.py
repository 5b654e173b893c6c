"""The rows that the challenger has learnt, for the registry to keep with it."""

from project.paths import ADAPTER_FILES, rows_of
from project.records.data import Row, Split
from training.recipe import Recipe
from training.start_record import START_FILE, LearntRows, Start


def learnt_by_challenger() -> tuple[LearntRows, ...]:
    """What it started with, and the training rows that its recipe takes; nothing where it was not
    trained by the stages from `start` on.
    """
    if not START_FILE.exists():
        return ()
    recipe, start = Recipe.read(ADAPTER_FILES / "recipe.json"), Start.read(START_FILE)
    if start.adapter != recipe.start:  # found since, for the next run
        return ()
    rows = Row.read_lines(rows_of(Split.TRAIN))[: recipe.sft.params.rows] if recipe.sft else ()
    return (LearntRows.of(rows, start.known),)
