"""Rows out of answers that people found good: what a project of pairs or ratings alone learns."""

from curation.sources.reading import Made
from curation.sources.row_formats import complete, turn
from project.records.data import Row
from project.records.preferences import PreferencePair, RatedAnswer


def row_of(made: Made | None) -> Row | None:
    """The better answer of a pair, or a good one, as a row; None of all else."""
    if isinstance(made, PreferencePair):
        answer = made.chosen
    elif isinstance(made, RatedAnswer) and made.label:
        answer = made.completion
    else:
        return None
    turns = [message.model_dump() for message in made.messages or ()]
    fields = {
        "prompt": turns or turn("user", made.prompt),
        "completion": turn("assistant", answer),
        "annotator": made.annotator,
    }
    return Row.model_validate(complete(fields, made.source or ""))
