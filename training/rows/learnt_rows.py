"""What the challenger has learnt, for the registry to keep with it."""

from collections.abc import Iterator

from project.item_prompts import sentences
from project.paths import ADAPTER_FILES, CURATED_DOCUMENTS, PREFERENCE_DATA, rows_of
from project.records.data import Document, Row, Split
from project.records.preferences import read_preferences
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


def texts_learnt() -> Iterator[str]:
    """What the challenger was shown in training that may be an eval item: the prompts of the rows
    and, where its recipe takes them, those of preferences, and the sentences of documents.
    """
    file = ADAPTER_FILES / "recipe.json"
    taken = Recipe.read(file).taken if file.exists() else ()
    yield from (row.prompt_text for row in Row.read_lines(rows_of(Split.TRAIN)))
    if {"dpo", "kto"} & {*taken}:
        yield from (one.prompt for one in read_preferences(PREFERENCE_DATA))
    if "domain" in taken:
        for document in Document.read_lines(CURATED_DOCUMENTS):
            yield from sentences(document.text)
