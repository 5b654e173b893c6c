"""One question with several answers."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Sequence
from itertools import islice

from curation.checks.columns.repeats import told
from curation.checks.columns.row_texts import RowTexts
from curation.kin.told_apart import NUMBER
from project.unicode_words import folded, words

CLASS_WORDS = 4  # of a class name, at most
CLASS_ROWS = 5  # that have it, at least
# Of the words of the shorter one of two answers. None of 101 labelled pairs that say the same has
# so few in common: tests/curation/labelled.
FEW_COMMON, MANY_COMMON = 0.2, 0.5
LONG = 20  # different words of an answer
MOST_COMPARED = 50  # answers to one prompt, with all of them


def conflicts(texts: RowTexts) -> list[str]:
    """The rows whose prompt has another answer too, which says something else."""
    answers: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for prompt, (_, heard), answer in zip(
        texts.prompt_keys, texts.spoken_pairs, texts.completions, strict=True
    ):
        answers[prompt].setdefault(heard, answer)
    answers.pop("", None)
    mixed = {
        (prompt, heard)
        for prompt, own in answers.items()
        for heard, answer in own.items()
        if any(
            other != answer and say_otherwise(answer, other)
            for other in islice(own.values(), MOST_COMPARED)
        )
    }
    spoken = (answer for _, answer in texts.spoken_pairs)
    which = [pair in mixed for pair in zip(texts.prompt_keys, spoken, strict=True)]
    return told(which, "another answer to the prompt")


def say_otherwise(one: str, other: str) -> bool:
    """Whether two answers to one question say something else, as far as words tell: yes and no,
    hardly a word in common, or the same words about other figures. Two long ones may both be right.
    """
    a, b = (set(words(folded(text))) for text in (one, other))
    if len(a) > LONG and len(b) > LONG:
        return False
    figures, others = (set(NUMBER.findall(text.replace(",", ""))) for text in (one, other))
    common = len(a & b) / max(min(len(a), len(b)), 1)
    if common <= FEW_COMMON or (common >= MANY_COMMON and figures - others and others - figures):
        return True
    return {first_word(one), first_word(other)} == {"yes", "no"}


def first_word(answer: str) -> str:
    return next(iter(words(folded(answer))), "").casefold()


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
