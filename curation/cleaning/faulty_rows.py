"""Rows that teach a falsehood or nothing, with the reason for which each is left out."""

from collections.abc import Sequence

from curation.account import (
    ABOUT_UNSEEN,
    ECHO,
    GIBBERISH,
    LOOPS,
    NO_ANSWER,
    NO_PROMPT,
    OUT_OF_TURN,
    SEVERAL,
    WITH_MARKERS,
)
from curation.faults.chat_markers import chat_markers
from curation.faults.echo import echo
from curation.faults.finder import Finder
from curation.faults.gibberish import gibberish
from curation.faults.loops import loop
from curation.faults.merged_instructions import several_in_one
from curation.faults.missing_answers import no_answer, no_prompt
from curation.faults.turn_order import not_answered
from curation.faults.unseen import unseen
from curation.many_rows import of_many
from project.records.data import Row

# The first that holds is the reason. The module mending.py says why the other faults are not here.
REMOVED: tuple[tuple[str, Finder], ...] = (
    (OUT_OF_TURN, not_answered),
    (NO_PROMPT, no_prompt),
    (NO_ANSWER, no_answer),
    (SEVERAL, several_in_one),
    (WITH_MARKERS, chat_markers),
    (ECHO, echo),
    (GIBBERISH, gibberish),
    (LOOPS, loop),
    (ABOUT_UNSEEN, unseen),
)


def faulty(rows: Sequence[Row]) -> dict[str, str]:
    """By id, why a row is not worth a place. The rows are to be clean."""
    whys = of_many(whys_faulty, rows)
    return {row.id: why for row, why in zip(rows, whys, strict=True) if why}


def whys_faulty(rows: Sequence[Row]) -> list[str | None]:
    return list(map(why_faulty, rows))


def why_faulty(row: Row) -> str | None:
    return next((why for why, finds in REMOVED if finds(row)), None)
