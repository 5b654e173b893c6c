"""Names: words with capital letters where no sentence begins, acronyms, code and codes."""

from collections.abc import Iterator
from dataclasses import dataclass

import regex

from evaluation.metrics.facts.fact import Fact
from evaluation.metrics.facts.folded_text import BLANK
from evaluation.metrics.facts.identifiers import IDENTIFIER, is_acronym
from evaluation.metrics.facts.name_words import BODIES, LOUD, STARTERS, TITLES
from project.unicode_words import words

WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['&-][\p{L}\p{M}\p{N}]+)*+")
GLUE = regex.compile(r"[ ]|\. |[ ](?:&|of|of the|for|de|du|da|von|van)[ ]")
BREAK = regex.compile(r"[.!?:;\n\r•*|]")
POSSESSIVE = regex.compile(r"'s?(?!\w)")
LONGEST = 8  # words of a name


@dataclass(frozen=True)
class Word:
    """A word of a text, and whether a sentence begins with it."""

    text: str
    start: int
    end: int
    first: bool

    @property
    def lower(self) -> str:
        plain: str = POSSESSIVE.sub("", self.text)
        return plain.casefold()

    @property
    def capital(self) -> bool:
        return self.text[0].isupper() and self.lower not in ("i", "i'm", "i'll", "i've", "i'd")


def identifiers(text: str) -> Iterator[Fact]:
    """Code, codes, web and mail addresses."""
    for match in IDENTIFIER.finditer(text):
        if value := name_value(match[0]):
            yield Fact("name", match[0], match.start(), match.end(), value)


def names(text: str) -> Iterator[Fact]:
    """Names as they are written in English, in a folded text."""
    found = list(text_words(text))
    runs = [kept for run in capital_runs(text, found) if (kept := trimmed(run))]
    inside = {word.lower for run in runs for word in run if not word.first}
    for run in runs:
        start, end = run[0].start, run[-1].end
        if value := name_value(text[start:end]):
            sure = is_name(run, inside)
            yield Fact("name", text[start:end], start, end, value, doubtful=not sure)


def name_value(text: str) -> str:
    """Its words in lower case, without plural and possessive: "Bosch's ATMs" is "bosch atm"."""
    plain: str = POSSESSIVE.sub("", text)
    return " ".join(singular(word) for word in words(plain))


def singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def text_words(text: str) -> Iterator[Word]:
    end, title = 0, False
    for match in WORD.finditer(text):
        _, fact, between = text[end : match.start()].rpartition(BLANK)
        begins = (end == 0 and not fact) or bool(BREAK.search(between))
        yield Word(match[0], match.start(), match.end(), begins and not title)
        end, title = match.end(), match[0].lower() in TITLES or match[0] == "St"


def capital_runs(text: str, found: list[Word]) -> Iterator[list[Word]]:
    """Words with capitals that belong together, such as "Reserve Bank of India"."""
    run: list[Word] = []
    for word in found:
        if not word.capital:
            continue
        if run and len(run) < LONGEST and joined(run, text[run[-1].end : word.start]):
            run.append(word)
        else:
            yield run
            run = [word]
    yield run


def joined(run: list[Word], between: str) -> bool:
    last = run[-1]
    if not GLUE.fullmatch(between):
        return False
    if between == ". ":
        return last.lower in TITLES or last.text == "St" or len(last.text) == 1
    return between == " " or not last.first or last.lower in BODIES


def trimmed(run: list[Word]) -> list[Word]:
    """Without what begins the sentence, and without titles."""
    while run and run[0].first and run[0].lower in STARTERS:
        run = run[1:]
    if len(run) > 1 and run[0].first and is_acronym(run[1].text) and not is_acronym(run[0].text):
        run = run[1:]  # "Perform DBSCAN"
    while len(run) > 1 and run[0].lower in TITLES:
        run = run[1:]
    return run


def is_name(run: list[Word], inside: set[str]) -> bool:
    if len(run) > 1 and all(word.text.isupper() for word in run) and shouted(run):
        return False
    if any(is_acronym(word.text) and word.lower not in LOUD for word in run):
        return True
    if len(run) > 1:
        return True
    if not run[0].first:
        return run[0].lower not in STARTERS and len(run[0].text) > 1
    return run[0].lower in inside


def shouted(run: list[Word]) -> bool:
    return any(word.lower in LOUD or word.lower in STARTERS for word in run)
