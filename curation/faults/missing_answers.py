"""Rows in which nobody answers, or asks."""

import re

from curation.faults.placeholders import (
    AMBIGUOUS,
    LABEL,
    LONGEST,
    UNSEEN,
    bracketed_nothing,
    core,
    noted,
    said,
)
from curation.faults.prose import asked
from project.records.data import Row

# What keeps the place of a prompt; an answer may be such a word.
PROMPTS = frozenset(
    ("prompt", "question", "instruction", "untitled", "none", "nil", "void", "[]", "{}", "new chat")
) | {"new conversation", "ask me anything", "enter prompt"}
# What an instruction without an input has in its place.
NO_INPUT = ("no input", "noinput", "nan", "n/a", "null", "undefined", "none given")
# Who asks so wants sentences: "none" is no answer.
OPEN = re.compile(
    r"\W*(?:please |can you |could you )?(?:write|explain|describe|summari[sz]e|translate|generate"
    r"|create|compose|tell me|give me|how (?:do|can|to|does|should)|why|what (?:does|do|is the"
    r" difference|are the)|in one)\b",
    re.IGNORECASE,
)


def no_answer(row: Row) -> str | None:
    text = row.completion_text.strip(UNSEEN)
    if not text:
        return "an empty answer"
    if not said(text) or bracketed_nothing(text) or noted(text):
        return "a placeholder for an answer"
    if text.casefold().strip(" .") in AMBIGUOUS and OPEN.match(asked(row)):
        return "a placeholder for an answer"
    return None


def no_prompt(row: Row) -> str | None:
    text = asked(row).strip(UNSEEN)
    if not text:
        return "an empty prompt"
    if not said(text) or noted(text) or (len(text) <= LONGEST and core(text) in PROMPTS):
        return "a placeholder for a prompt"
    *before, last = text.rsplit("\n", 1)  # an instruction with nothing to follow it on
    if before and len(last) <= LONGEST and core(LABEL.sub("", last, count=1)) in NO_INPUT:
        return "a placeholder for what the prompt is about"
    return None
