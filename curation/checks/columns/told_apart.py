"""What tells two questions apart that are alike by all else: the things that they name."""

import re

from project.unicode_words import plain, words

NUMBER = re.compile(r"\d+")
# Identifiers and dotted paths.
NAME = re.compile(r"\b\w*_\w*\b|\b\w+(?:\.\w+)+\b|\b[a-z]+[A-Z]\w*\b")
LEAST_LETTERS = 4  # of a word that says what a question is about
MOST_SHARED = 0.6  # of such words: two questions that share so many are made by one template


def told_apart(one: str, other: str) -> bool:
    """Whether two questions have other numbers, names, or another word in the same sentence.

    "Which day follows Monday?" is no other wording of "Which day follows Friday?", though an
    embedder has them for nearly the same.
    """
    if set(NUMBER.findall(one)) != set(NUMBER.findall(other)):
        return True
    return other_names(one, other) or of_one_template(one, other)


def other_names(one: str, other: str) -> bool:
    """Whether each names something that the other does not."""
    a, b = (set(NAME.findall(text)) for text in (one, other))
    return bool(a - b and b - a)


def of_one_template(one: str, other: str) -> bool:
    """Whether they share most words, and each has one that the other has not."""
    a, b = (
        {word for word in words(plain(text)) if len(word) >= LEAST_LETTERS} for text in (one, other)
    )
    return bool(a - b and b - a) and len(a & b) >= MOST_SHARED * min(len(a), len(b))
