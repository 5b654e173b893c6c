"""Worse answers made from good ones, and the pairs that they make."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch

from evaluation.metrics.facts.find_facts import find_facts
from evaluation.preference.judge_calibration import LIKE_LENGTH
from evaluation.preference.preference_pairs import MadePair
from evaluation.preference.reward_model import ExchangeVectors
from project.canonical import digest_json
from project.item_prompts import bare
from project.records.data import Row

# (text, key) -> the worse text; None where it cannot be made of this one. The key chooses among
# several ways, as a seed would: the same two give the same text for ever.
Worse = Callable[[str, str], str | None]

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
LEAST_WORDS = 5  # a shorter answer says too little for half of it to be worse


T = TypeVar("T")


def draw_option(options: Sequence[T], *key: str) -> T:
    return options[int(digest_json(list(key)), 16) % len(options)]


def sentences(text: str) -> list[str]:
    return [part for part in SENTENCE_END.split(text.strip()) if part]


# One of a list stands for another; a number becomes another of as many digits.
LISTS = [
    line.split()
    for line in (
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "January February March April June July August September October November December",
        "two three four five six seven eight nine ten twelve fifteen twenty thirty",
    )
]
FACT = re.compile(rf"\d+|\b(?:{'|'.join(word for words in LISTS for word in words)})\b")


NAME = re.compile(r"[A-Z][a-z]+(?: [A-Z][a-z]+)*")
NAMES = [
    "Albright",
    "Bergen",
    "Castell",
    "Dunmore",
    "Everly",
    "Falken",
    "Grantham",
    "Holloway",
    "Ibsen",
    "Jarrow",
]


def wrong_fact(text: str, key: str) -> str | None:
    """One number, date, amount or name becomes another."""
    known = [(fact.start, fact.end) for fact in find_facts(text)]
    places = [place for place in known if changed(text[slice(*place)], key)]
    places = places or [match.span() for match in FACT.finditer(text)]
    if not places:
        return None
    start, end = draw_option(places, "wrong fact", key)
    return text[:start] + (changed(text[start:end], key) or "") + text[end:]


def changed(fact: str, key: str) -> str | None:
    """Another fact of the same form; None of one that has no other here."""
    if match := FACT.search(fact):
        return fact[: match.start()] + another(match.group(), key) + fact[match.end() :]
    if not NAME.fullmatch(fact):
        return None
    return draw_option([name for name in NAMES if name not in fact], "name", key)


def another(fact: str, key: str) -> str:
    if fact.isdigit():
        # Another number of as many digits: the first digit that counts changes.
        at = next((i for i, digit in enumerate(fact) if digit != "0"), len(fact) - 1)
        several = "23456789"  # so that "2 weeks" does not become "1 weeks"
        others = [digit for digit in several if digit != fact[at]]
        return fact[:at] + draw_option(others, "digit", key) + fact[at + 1 :]
    known = next(words for words in LISTS if fact in words)
    return draw_option([word for word in known if word != fact], "another", key)


DISCLAIMER = re.compile(
    r"\b(?:unless|except|excluding|provided that|as long as|only (?:if|when|for|with|after|until)|"
    r"subject to|not (?:a |an )?(?:guarantee\w*|liable|legal|medical|binding|refund\w*)|"
    r"liab\w+|warrant\w+|at your own risk|please note|note that|be aware|may (?:vary|change|differ)"
    r"|terms|conditions|before you|must not|cannot|do(?:es)? not|is not|are not)\b",
    re.IGNORECASE,
)


def missing_disclaimer(text: str, key: str) -> str | None:
    """One sentence with a condition, a limit or a warning is left out; where there is but one
    sentence, its condition at the end.
    """
    parts = sentences(text)
    warning = [i for i, part in enumerate(parts) if DISCLAIMER.search(part)]
    if len(parts) > 1 and warning:
        dropped = draw_option(warning, "missing disclaimer", key)
        return " ".join(part for i, part in enumerate(parts) if i != dropped)
    clause = CONDITION.search(text)
    return f"{text[: clause.start()]}." if clause else None


CONDITION = re.compile(
    r",? (?:unless|except|provided that|as long as|only if|subject to)\b[^.;]*\.?$", re.IGNORECASE
)


RUDE_BEFORE = (
    "Obviously you did not read our page.",
    "What a silly question.",
    "Not this again.",
    "I have no time for this, so listen.",
    "Anybody with half a brain knows this.",
    "Why are you bothering us with that?",
    "Fine, if you must know:",
    "You should have looked it up yourself.",
)
RUDE_AFTER = (
    "Now stop asking.",
    "Was that so hard?",
    "Take it or leave it.",
    "If you do not like it, go somewhere else.",
    "Do not write again.",
    "That is your problem, not ours.",
    "Even you should understand that.",
    "Deal with it.",
)
KIND_WORDS = re.compile(
    r"\b(?:please|kindly|thank you(?: very much)?|thanks|we are (?:happy|glad) to|sorry)\b,?\s*",
    re.IGNORECASE,
)


def impolite(text: str, key: str) -> str | None:
    """What it says stands, said rudely: kind words go, rude ones come before or after."""
    bare = KIND_WORDS.sub("", text).strip()
    bare = bare[:1].upper() + bare[1:]
    if not bare:
        return None
    rude = draw_option((*RUDE_BEFORE, *RUDE_AFTER), "impolite", key)
    return f"{rude} {bare}" if rude in RUDE_BEFORE else f"{bare} {rude}"


def cut_off(text: str, key: str) -> str | None:
    """It ends in the middle of a sentence, after a third to two thirds of its words."""
    words = text.split()
    if len(words) < LEAST_WORDS:
        return None
    kept = len(words) * draw_option(range(35, 70), "cut off", key) // 100
    return " ".join(words[: max(2, kept)]).rstrip(".,;:!?")


GENERIC = (
    "Please contact us for more information.",
    "It depends on your situation.",
    "There are several things to consider here.",
    "You can find the details on our website.",
    "Our team will be happy to help you with that.",
    "This is an important topic, and many people ask about it.",
    "We offer a wide range of services to meet your needs.",
    "The exact rules can be different from case to case.",
    "In general, it is best to follow the usual steps.",
    "Let us know if there is anything else that we can do for you.",
    "Many options are available, so choose the one that suits you.",
    "Make sure that you have everything ready.",
    "It is used for many different purposes.",
    "Feel free to ask if you have further questions.",
)


def generic(text: str, key: str) -> str | None:
    """Sentences that answer every question, and so none, of about the same length."""
    phrases: list[str] = []
    left = list(GENERIC)
    while left and len(" ".join(phrases)) < 0.8 * len(text.strip()):
        chosen = draw_option(left, "generic", key, str(len(phrases)))
        left.remove(chosen)
        phrases.append(chosen)
    return " ".join(phrases) if phrases and " ".join(phrases) != text.strip() else None


WORSE: dict[str, Worse] = {
    "wrong_fact": wrong_fact,
    "missing_disclaimer": missing_disclaimer,
    "impolite": impolite,
    "cut_off": cut_off,
    "generic": generic,
}


# --- made pairs -----------------------------------------------------------------------------------

# Pairs made of training rows: the expert's answer against worse ones, each kind by its name.
#
# The base's own answer teaches what a bad answer sounds like. Other rows' answers are experts' too,
# to like questions and of like length, so that only what they say can tell them apart. The others
# are the expert's answer made worse in one way.

BASE, OTHER_ROW = "base", "other_row"
AS_RIGHT = 0.85  # from this cosine on, another row's answer may be as right


def made_pairs(
    rows: Sequence[Row],
    own_answers: Mapping[str, str],
    vectors: ExchangeVectors,
    *,
    others: int = 1,
    every_kind: bool = True,
) -> list[MadePair]:
    """The rows' pairs, by row. `own_answers` are the base's, by row; `others` is how many other
    rows' answers each is held against. Without `every_kind` a row's answer is made worse in one of
    the ways that are possible, drawn by its id: for a judge that is dear to ask.
    """
    elsewhere = answers_of_other_rows(rows, vectors, others)
    return [
        MadePair(
            prompt=row.prompt_text,
            chosen=row.completion_text,
            rejected=text,
            kind=kind,
            evidence=row.evidence,
        )
        for row, theirs in zip(rows, elsewhere, strict=True)
        for kind, text in (
            *of_base(row, own_answers[row.id]),
            *((OTHER_ROW, text) for text in theirs),
            *made_worse(row, every_kind=every_kind),
        )
    ]


def of_base(row: Row, answer: str) -> list[tuple[str, str]]:
    """None where it says what the expert says, whatever comes before or after that."""
    says_it = f" {bare(row.completion_text)} " in f" {bare(answer)} "
    return [] if says_it else [(BASE, answer)]


def made_worse(row: Row, *, every_kind: bool) -> list[tuple[str, str]]:
    made = [
        (kind, text)
        for kind, worse in WORSE.items()
        if (text := worse(row.completion_text, row.id)) is not None
    ]
    return made if every_kind or not made else [draw_option(made, "kind", row.id)]


def answers_of_other_rows(
    rows: Sequence[Row], vectors: ExchangeVectors, count: int
) -> Iterator[list[str]]:
    """Of each row so many other rows' answers: of like length first, then to the likest questions.

    None of them is of its group, or says nearly the same.
    """
    questions = vectors.prompts([row.prompt_text for row in rows])
    answers = vectors.answers([row.completion_text for row in rows])
    lengths = torch.tensor([float(len(row.completion_text)) for row in rows])
    for i, row in enumerate(rows):
        same_group = torch.tensor([other.group == row.group for other in rows])
        barred = same_group | (answers @ answers[i] >= AS_RIGHT)
        longer = torch.maximum(lengths, lengths[i])
        like_length = (lengths - lengths[i]).abs() < LIKE_LENGTH * longer
        worth = like_length.float() * 3 + questions @ questions[i]
        worth[barred] = -torch.inf
        order = torch.argsort(-worth, stable=True)[: min(count, int((~barred).sum()))].tolist()
        yield [rows[j].completion_text for j in order]
