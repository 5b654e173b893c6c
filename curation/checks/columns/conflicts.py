"""One question with several answers."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Sequence

from curation.checks.columns.repeats import told
from curation.checks.columns.row_texts import RowTexts

CLASS_WORDS = 4  # of a class name, at most
CLASS_ROWS = 5  # that have it, at least


def conflicts(texts: RowTexts) -> list[str]:
    """The rows whose prompt has another answer too, in other words than these."""
    mixed = with_several(texts.prompt_keys, [answer for _, answer in texts.spoken_pairs])
    which = [one in mixed and one != "" for one in texts.prompt_keys]
    return told(which, "another answer to the prompt")


def label_conflicts(texts: RowTexts) -> list[str]:
    """The rows whose answer is the name of a class, while nearly the same prompt has another."""
    known = class_names(texts.answer_keys)
    named = [i for i, answer in enumerate(texts.answer_keys) if answer in known]
    family = [texts.prompt_families[i] for i in named]
    mixed = with_several(family, [texts.answer_keys[i] for i in named])
    found = {i for i, one in zip(named, family, strict=True) if one in mixed}
    which = [i in found for i in range(len(texts.rows))]
    return told(which, "another class for nearly the same prompt")


def class_names(answers: Sequence[str]) -> set[str]:
    """Short answers that so many rows have that they are names of classes."""
    return {one for one in said_often(answers) if 0 < len(one.split()) <= CLASS_WORDS}


def said_often(answers: Sequence[str]) -> set[str]:
    """Answers that so many rows have that they fit a kind of questions, however long they are."""
    return {answer for answer, count in Counter(answers).items() if count >= CLASS_ROWS}


def with_several(keys: Sequence[Hashable], values: Sequence[str]) -> Collection[Hashable]:
    """The keys that have more than one value."""
    seen: defaultdict[Hashable, set[str]] = defaultdict(set)
    for one, value in zip(keys, values, strict=True):
        seen[one].add(value)
    return {one for one, found in seen.items() if len(found) > 1}
