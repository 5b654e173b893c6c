"""What tells two questions apart that are alike by all else: the things that they name."""

import re

from project.unicode_words import folded, words

NUMBER = re.compile(r"\d+")
# Identifiers and dotted paths.
NAME = re.compile(r"\b\w*_\w*\b|\b\w+(?:\.\w+)+\b|\b[a-z]+[A-Z]\w*\b")
ACRONYM = re.compile(r"\b[A-Z]{2,}\b")
LEAST_LETTERS = 4  # of a word that says what a question is about
MOST_SHARED = 0.6  # of such words: two questions that share so many are made by one template
# What English questions ask for; how, what and which are asked for the same things.
TIME, REASON, OTHER = "time", "reason", "other"
ASKED = {
    "when": TIME,
    **{f"how {word}": TIME for word in ("long", "soon", "quickly", "fast")},
    **dict.fromkeys(["how many", "how much"], "amount"),
    **dict.fromkeys(["why", "reason"], REASON),
    "where": "place",
    **dict.fromkeys(["who", "whom"], "person"),
    **dict.fromkeys(["how", "what", "which"], OTHER),
}
ASKS = re.compile(rf"\b(?:{'|'.join(sorted(ASKED, key=len, reverse=True))})\b")
# But for what somebody cannot do: "I cannot log in" asks how to.
DENIES = re.compile(r"\b(?:no|never|without)\b|(?<!can )\bnot\b|(?<!ca)(?<!could)n[’']t\b")


def told_apart(one: str, other: str) -> bool:
    """Whether two questions have other numbers, names, or another word in the same sentence, ask
    for other things, or one of them denies.

    "Which day follows Monday?" is no other wording of "Which day follows Friday?", though an
    embedder has them for nearly the same.
    """
    if set(NUMBER.findall(one)) != set(NUMBER.findall(other)):
        return True
    return (
        other_names(one, other)
        or other_acronyms(one, other)
        or of_one_template(one, other)
        or asks_for_others(one, other)
        or denies(one) != denies(other)
    )


def other_names(one: str, other: str) -> bool:
    """Whether each names something that the other does not."""
    a, b = (set(NAME.findall(text)) for text in (one, other))
    return bool(a - b and b - a)


def other_acronyms(one: str, other: str) -> bool:
    """Whether each has an acronym that the other has not; shouted texts have none."""
    a, b = (set(ACRONYM.findall(text)) if not text.isupper() else set() for text in (one, other))
    return bool(a - b and b - a)


def of_one_template(one: str, other: str) -> bool:
    """Whether they share most words, and each has one that the other has not."""
    a, b = (
        {word for word in words(folded(text)) if len(word) >= LEAST_LETTERS}
        for text in (one, other)
    )
    return bool(a - b and b - a) and len(a & b) >= MOST_SHARED * min(len(a), len(b))


def asks_for_others(one: str, other: str) -> bool:
    """Whether both ask by question words, and for nothing that is the same: when, and where."""
    a, b = asked_for(one), asked_for(other)
    return bool(a and b) and not a & b


def asked_for(text: str) -> set[str]:
    found = {ASKED[asked] for asked in ASKS.findall(folded(text).casefold())}
    return found - {OTHER} if REASON in found else found  # what is the reason


def denies(text: str) -> bool:
    return DENIES.search(text.casefold()) is not None
