"""Which columns could be the completion, and why one that is called so is none."""

from collections.abc import Sequence

from curation.sources.columns.profiles.column_profile import ColumnProfile
from curation.sources.columns.wanted import Wanted

AS_JSON = "name the column to have them learnt as JSON, or write the text of one answer into it"
# What to do where answers are of this kind.
INSTEAD = {
    "letters": ", the key of a multiple choice: write the text of the answer into the column",
    "numbers": ": where they stand for classes, write the names of these into the column",
    "true or false": ": write into the column what is to be said",
    "lists": f": {AS_JSON}",
    "objects": f": {AS_JSON}",
}

TRUE_OR_FALSE = frozenset({"true", "false", "0", "1", "-1", "0.0", "1.0", "-1.0"})


def answer_choices(texts: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """Answers; where there are none, summaries and the like; and else names of classes."""
    for role in ("answer", "assistant", "aside", "label"):
        if found := [c for c in texts if c.role == role]:
            return found
    return []


def json_answers(columns: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """Those that are called answers and hold what can be learnt as JSON alone."""
    return [c for c in columns if c.kind in ("lists", "objects") and c.says.role == "answer"]


def doubt(
    columns: Sequence[ColumnProfile], answers: Sequence[ColumnProfile], given: Wanted
) -> str | None:
    """Why answers that fit may still be the wrong ones."""
    if given.completion:
        return None
    called = any(c.says.role == "answer" for c in unread_answers(columns))
    weak = len(answers) > 1 or answers[0].role == "aside"
    return feedback(columns) or (no_answer(columns) if called and weak else None)


def feedback(columns: Sequence[ColumnProfile]) -> str | None:
    """That a column says which answers are good, where one does."""
    for column in columns:
        says = column.role in ("label", "feedback") and column.distinct > 1
        if says and {value.casefold() for value in column.counts} <= TRUE_OR_FALSE:
            return (
                f"`{column.name}` says true or false of each row: if that is of its answer, the"
                " wrong answers would be learnt too, so keep them out of the file"
            )
    return None


def unread_answers(columns: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """Those that are called answers, or classes, and hold something else than texts."""
    unread = [c for c in columns if not c.is_text]
    keys = [c for c in unread if c.kind == "letters" and c.says.text_role == "answer"]
    return [*keys, *(c for role in ("answer", "label") for c in unread if c.says.role == role)]


def no_answer(columns: Sequence[ColumnProfile]) -> str:
    """That there is no column of answers, and what the one is that could have been."""
    held = [c for c in columns if c.kind in ("lists", "objects")]
    held.sort(key=lambda c: c.says.role != "chat")
    column = next(iter([*unread_answers(columns), *held]), None)
    if column is None:
        return "no column says that it holds answers"
    return f"no column holds answers that are texts: {held_words(column)}"


def held_words(column: ColumnProfile) -> str:
    """What a column holds instead of texts, and what to do about it."""
    if column.kind == "nothing":
        return f"`{column.name}` is empty"
    if column.kind == "lists" and column.says.role != "answer" and column.no_chat:
        return f"`{column.name}` holds lists that are no conversations ({column.no_chat})"
    return f"`{column.name}` holds {column.kind}{INSTEAD.get(column.kind, '')}"
