"""The forms by which texts count for the same: as they are said, and with what varies masked."""

from calendar import day_name, month_name
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import regex

from project.near_duplicates import shared_among
from project.records.data import Row
from project.unicode_words import plain

# What ends or joins sentences. Signs of arithmetic stay: 4 + 7 and 4 - 7 are two questions.
PUNCTUATION = str.maketrans(dict.fromkeys(".,;:!?¿¡\"'“”„‘’‚«»()[]{}…_`", " "))

# A figure with what joins its digits, or a word; other signs are left aside.
TOKEN = regex.compile(r"\p{N}[\p{N}.,:/\-]*|[\p{L}\p{M}\p{N}]+|[.!?。！？\n]")
FIGURE = regex.compile(r"\p{N}[\p{N}.,:/\-]*")
DATES = frozenset(map(str.casefold, (*month_name, *day_name))) - {"", "may"}
ENDS = frozenset(".!?。！？\n")  # behind which a sentence begins
MIN_KEPT = 4  # words of a template; with fewer, what varies is the question
# Of the words that begin no sentence. With more capital letters, as in German or in headlines, they
# do not tell names.
MOST_CAPITALS = 0.15
MOST_KNOWN = 1 << 18  # texts whose forms are kept: splitting, curation and gate ask for the same


@lru_cache(maxsize=MOST_KNOWN)
def key(text: str) -> str:
    """A text as it counts for the same: case, blanks and punctuation aside."""
    return " ".join(plain(text).translate(PUNCTUATION).casefold().split())


def templates(texts: Sequence[str], *, names: bool) -> list[str]:
    """The template of each text. One of very many is none: there, the figures are the question."""
    found = [template(text, names=names) for text in texts]
    common = set(shared_among(Counter(found), len(found)))
    return ["" if form in common else form for form in found]


def said_alike(row: Row) -> tuple[str, str]:
    """Prompt and answer as they count for the same: rows that share it repeat each other."""
    return key(row.prompt_text), key(row.completion_text)


@lru_cache(maxsize=MOST_KNOWN)
def template(text: str, *, names: bool) -> str:
    """A text with its figures and dates masked, and its names too; empty where nothing varies, or
    too little is left to be a template.
    """
    kept: list[str] = []
    for before, token in pairwise(["\n", *TOKEN.findall(plain(text))]):
        if token in ENDS:
            continue
        mask = mask_of(token, names=names and before not in ENDS)
        if not mask or kept[-1:] != [mask]:
            kept.append(mask or token.casefold())
    masked = kept.count(FIGURES) + kept.count(NAMES)
    return " ".join(kept) if masked and len(kept) - masked >= MIN_KEPT else ""


FIGURES, NAMES = "#", "@"


def mask_of(token: str, *, names: bool) -> str:
    if FIGURE.fullmatch(token) or token.casefold() in DATES:
        return FIGURES
    return NAMES if names and is_capital(token) else ""


def is_capital(word: str) -> bool:
    return len(word) > 1 and word[0].isupper()


def capitals_tell_names(texts: Sequence[str]) -> bool:
    """Whether so few words of the texts begin with a capital letter that these are names."""
    inside = [
        token
        for text in texts
        for before, token in pairwise(TOKEN.findall(text))
        if before not in ENDS and token not in ENDS
    ]
    return sum(map(is_capital, inside)) <= MOST_CAPITALS * len(inside)
