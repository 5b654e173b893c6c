"""The forms by which texts count for the same: as they are said, and with what varies masked."""

import re
from calendar import day_name, month_name
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import regex

from project.near_duplicates import shared_among
from project.records.data import Row
from project.unicode_words import folded, letters, plain, words

# What ends or joins sentences. Signs of arithmetic stay: 4 + 7 and 4 - 7 are two questions.
PUNCTUATION = str.maketrans(dict.fromkeys(".,;:!?¿¡\"'“”„‘’‚«»()[]{}…_`", " "))

DATES = "|".join(sorted({*month_name, *day_name} - {"", "March", "May"}))  # these are verbs, too
# The 32 of int32 belongs to its name.
FIGURE = regex.compile(
    rf"(?<![A-Za-z_\p{{N}}])\p{{N}}[\p{{N}}.,:/\-]*|\b(?:{DATES})\b", regex.IGNORECASE
)
SIGN = regex.compile(r"(?<!\S)[-+*/×÷^<>=%](?!\S)")  # 4 + 7 is another question than 4 - 7
# A word that begins a sentence or a part of it, or one that a capital letter tells from the others.
CAPITAL = regex.compile(r"((?:^|[.!?:)。！？：\n])\W*\p{Lu}\w*)|\b\p{Lu}\w+")
# Masks are words of digits: of the text's own ones none is left.
FIGURES, NAMES = "0", "00"
AGAIN = regex.compile(rf"\b({FIGURES}|{NAMES})(?: \1\b)+")
REPLACED = regex.compile(r"[A-Za-z][0-9@$]|[0-9@$][A-Za-z]|[a-z]I|[^\x00-\x7f]")
MIN_KEPT = 4  # words of a template; with fewer, what varies is the question
# Of the words that begin no sentence. With more capital letters, as in German or in headlines, they
# do not tell names.
MOST_CAPITALS = 0.15
MOST_KNOWN = 1 << 18  # texts whose forms are kept: splitting, curation and gate ask for the same


@lru_cache(maxsize=MOST_KNOWN)
def key(text: str) -> str:
    """A text as it counts for the same: case, blanks and punctuation aside."""
    return " ".join(folded(text).translate(PUNCTUATION).casefold().split())


def unspaced(text: str) -> str:
    """The same without blanks: words that are joined, or spaced out, are still these words."""
    return key(text).replace(" ", "")


def spellings(texts: Sequence[str]) -> list[str]:
    """Each text's letters and signs, where one with the same letters is written with figures or
    foreign letters; else empty: "fail" and "fall" are two words as long as nobody wrote "fa1l".
    """
    forms = [letters(text) + "".join(SIGN.findall(text)) for text in texts]
    odd = {form for form, text in zip(forms, texts, strict=True) if REPLACED.search(text)}
    return [form if form in odd else "" for form in forms]


def templates(texts: Sequence[str], *, names: bool) -> list[str]:
    """The template of each text. One of very many is none: there, the figures are the question."""
    forms = [template(text, names=names) for text in texts]
    common = set(shared_among(Counter(forms), len(forms)))
    return ["" if form in common else form for form in forms]


def repeat_key(row: Row) -> tuple[str, str, str]:
    """Prompt, answer, passages and tools as they count for the same: rows that share it repeat each
    other. Of calls and results every sign counts.
    """
    shown = row.evidence_digest + row.tools_digest
    return key(row.prompt_text), key(row.completion_text), shown


@lru_cache(maxsize=MOST_KNOWN)
def template(text: str, *, names: bool) -> str:
    """A text with its figures and dates masked, and its names too; empty where nothing varies, or
    too little is left to be a template.
    """
    masked, figures = FIGURE.subn(f" {FIGURES} ", plain(text))
    masked = SIGN.sub(lambda sign: f"sign{ord(sign[0])}", masked)
    if names:
        masked = CAPITAL.sub(lambda match: match[1] or f" {NAMES} ", masked)
    if not figures and NAMES not in masked:
        return ""
    kept = words(masked)
    left = len(kept) - kept.count(FIGURES) - kept.count(NAMES)
    return AGAIN.sub(r"\1", " ".join(kept)) if left >= MIN_KEPT else ""


def capitals_tell_names(texts: Sequence[str]) -> bool:
    """Whether so few words of the texts begin with a capital letter that these are names."""
    counts = [capitals_of(text) for text in texts]
    return sum(upper for upper, _ in counts) <= MOST_CAPITALS * sum(every for _, every in counts)


@lru_cache(maxsize=MOST_KNOWN)
def capitals_of(text: str) -> tuple[int, int]:
    """How many words begin with a capital letter within a sentence, and how many there are."""
    return sum(not match[1] for match in CAPITAL.finditer(text)), len(text.split())


# --- told apart -----------------------------------------------------------------------------------

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
    texts = one, other
    # Each has an acronym that the other has not; shouted texts have none.
    acronyms = [set(ACRONYM.findall(text)) if not text.isupper() else set() for text in texts]
    if other_names(one, other) or each_has_its_own(*acronyms) or denies(one) != denies(other):
        return True
    # They share most words, and each has one that the other has not.
    a, b = ({word for word in words(folded(t)) if len(word) >= LEAST_LETTERS} for t in texts)
    if each_has_its_own(a, b) and len(a & b) >= MOST_SHARED * min(len(a), len(b)):
        return True
    # Both ask by question words, and for nothing that is the same: when, and where.
    a, b = map(asked_for, texts)
    return bool(a and b) and not a & b


def each_has_its_own(a: set[str], b: set[str]) -> bool:
    return bool(a - b and b - a)


def other_names(one: str, other: str) -> bool:
    """Whether each names something that the other does not."""
    return each_has_its_own(*(set(NAME.findall(text)) for text in (one, other)))


def asked_for(text: str) -> set[str]:
    kinds = {ASKED[asked] for asked in ASKS.findall(folded(text).casefold())}
    return kinds - {OTHER} if REASON in kinds else kinds  # what is the reason


def denies(text: str) -> bool:
    return DENIES.search(text.casefold()) is not None
