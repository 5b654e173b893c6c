"""Which rows of traffic people are asked about: what could never be accepted is none of them."""

from collections.abc import Sequence
from pathlib import Path

from monitoring.trigger.door import refusals, set_aside
from monitoring.trigger.labels import correction, labelled_row
from project.records.data import Row
from project.records.traffic import Traffic

ANSWER = "It is still to be written."  # of a prompt alone: an answer that no check minds


def worth_asking(
    rows: Sequence[Traffic], queue: Path, at: str, *, drafts: bool = False
) -> tuple[list[Traffic], list[str]]:
    """The rows that could be accepted, and what there is to say of the others.

    Where a prompt could, and what its user wrote could not, people are asked for an answer of their
    own; with `drafts`, where a correction is all that there is to ask about, the row is set aside.
    """
    prompts = {row.id: asked_row(row, ANSWER) for row in rows}
    written = {row.id: asked_row(row, said) for row in rows if (said := correction(row))}
    refused = refusals([*prompts.values(), *written.values()])
    gone = {name for name, made in prompts.items() if made.id in refused}
    mute = {name for name, made in written.items() if made.id in refused} - gone
    notes = set_aside(
        [*(prompts[name] for name in gone), *(written[name] for name in mute)], refused, queue, at
    )
    left = gone | mute if drafts else gone
    kept = [row for row in rows if row.id not in left]
    return [without_draft(row) if row.id in mute else row for row in kept], notes


def asked_row(row: Traffic, answer: str) -> Row:
    made = labelled_row(row.prompt_text, answer, None)
    if isinstance(row.prompt, str) or not row.prompt:
        return made
    return made.model_copy(update={"prompt": row.prompt})


def without_draft(row: Traffic) -> Traffic:
    return row.model_copy(update={"feedback": None})
