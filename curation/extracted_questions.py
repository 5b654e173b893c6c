"""Questions that a passage answers in so many words, made by templates and no model.

Of tables, of lists that say what things are or cost, and of sentences that define: what is asked
stands there as a name, and the answer as it is written. The templates are English.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from project.unicode_words import language_of

Kind = Literal["table", "list", "definition"]

CELLS = " | "  # between the cells of a table, as documents are read
ITEM = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+")
PART = re.compile(r"(?P<name>[^:–—]{2,60}?)\s*(?::|\s[–—])\s+(?P<value>\S.*)")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
FIGURE = re.compile(r"\d")
NOTHING = frozenset({"", "-", "–", "—", "n/a", "none", "yes", "no", "x", "✓", "✗", "?"})
LONGEST_NAME, LONGEST_VALUE, LONGEST_ANSWER = 8, 30, 45  # words
# Columns of a table that say what a thing is, rather than how much of something it has.
SAYS_WHAT = re.compile(
    r"(?i)description|meaning|definition|explanation|what it (?:is|does)|purpose"
)
# What points to a sentence before, or to nothing that could be asked for.
POINTS = re.compile(
    r"(?i)(?:it|its|he|she|they|their|this|that|these|those|there|here|we|you|i|one|some|such|each"
    r"|both|which|what|who|if|when|so|and|but|or|for|in|on|at|as|to|by|with|all|most|many|the same"
    r"|another|other|everything|nothing|everybody|nobody|an example|the following|note)\b"
)
NAME = r"(?P<name>(?:The |An? )?[A-Za-z][\w'’ -]{1,48}?)"
COSTS = re.compile(rf"{NAME} (?P<verb>cost|pay)s? .*\d.*")
TAKES = re.compile(rf"{NAME} takes? \D*\d.*(?:minute|hour|day|week|month|year)s?\b.*")
HAS = re.compile(
    rf"{NAME} (?P<verb>is) (?P<value>(?:at (?:most|least) |up to |only )?[^\w\s]?\d.*)"
)
NO_THING = r"(?:same|only|one|first|last|best|case|\w+est)\b"
DEFINES = re.compile(rf"{NAME} (?:is|means) (?:an?|the) (?!{NO_THING})(?P<value>\w.*)")
CALLED = re.compile(rf"{NAME} (?P<verb>is|are) called (?P<value>.+)")
VERBS = re.compile(
    r"\b(?:is|are|was|were|has|have|can|may|must|will|costs?|means|called|do|does)\b"
)
DEFINITION = re.compile(r"(?:an?|the|any|all|one|where|when|what|who|how|somebody|something)\b")
ARTICLE = re.compile(r"(?i)(?:the|an?)\b")
REFERS = re.compile(r"(?i)\b(?:it|this|that|them|him|her|these|those)\b")
UNIT = re.compile(r"(?:minute|hour|(?:working )?day|week|month|year)s?\b")
KEPT = re.compile(r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|I\b")


class Extracted(NamedTuple):
    """A question, and its answer in the words of the passage."""

    question: str
    answer: str
    kind: Kind


def extracted(text: str, before: str = "") -> list[Extracted]:
    """The questions that templates make of a passage, each once, in its order; none of one in
    another language than English. `before` is the passage before it in the same document: of a
    table that goes on from there the names of the columns are not known here.
    """
    if language_of(text) not in ("en", None):
        return []
    blocks = [block.split("\n") for block in text.split("\n\n")]
    # The heading that a passage stands under: the last of the short lines on its top.
    above = list(takewhile(lambda lines: len(lines) == 1 and is_heading(lines[0]), blocks))
    topic = above[-1][0].rpartition(" > ")[2].strip() if above else ""
    pairs = [pair for lines in blocks for pair in of_block(lines, topic, before)]
    fit = [pair for pair in pairs if len(pair.answer.split()) <= LONGEST_ANSWER]
    fit = [pair for pair in fit if any(map(str.isalpha, pair.answer))]
    return list({pair.question: pair for pair in fit}.values())


def of_block(lines: Sequence[str], topic: str, before: str) -> Iterator[Extracted]:
    if any(CELLS in line for line in lines):
        yield from of_table([line.split(CELLS) for line in lines if CELLS in line], topic, before)
    elif any(map(ITEM.match, lines)):
        yield from of_list(lines, topic)
    elif not lines[0].startswith("```"):
        # Of sentences that define a thing, or say what it costs, how much it is or what it is
        # called.
        for text in SENTENCE.split(" ".join(lines)):
            for pattern, ask in ASKED.items():
                match = pattern.fullmatch(text.strip())
                if match and is_subject(match["name"]):
                    yield Extracted(about(ask(match), topic, text), sentence(text), "definition")
                    break


def is_heading(line: str) -> bool:
    ends = line.rstrip().endswith((".", "!", "?", ":", ";", ","))
    return not ends and CELLS not in line and not ITEM.match(line) and len(line.split()) < 20


# --- tables ---------------------------------------------------------------------------------------


def of_table(rows: Sequence[Sequence[str]], topic: str, before: str) -> Iterator[Extracted]:
    """A question for each cell behind the first one of its row."""
    heads, *others = ([cell.strip() for cell in row] for row in rows)
    named = [is_name(h) and not FIGURE.search(h) and not h.endswith(".") for h in heads[1:]]
    if CELLS in before.rstrip().rpartition("\n")[2] or not all(named):
        return
    for cells in others:
        if len(cells) == len(heads) and is_name(cells[0]):
            for head, cell in zip(heads[1:], cells[1:], strict=True):
                if cell.casefold() not in NOTHING and len(cell.split()) <= LONGEST_VALUE:
                    yield of_cell(cells[0], head, cell, topic)


def of_cell(name: str, head: str, cell: str, topic: str) -> Extracted:
    if SAYS_WHAT.search(head):
        return Extracted(about(f"What is {name}?", topic), f"{name}: {sentence(cell)}", "table")
    head = head.replace("(s)", "")
    what, verb = in_sentence(head), verb_for(head)
    if verb == "are" and " " not in what and cell.isdigit():
        question = about(f"How many {what} does {name} have?", topic)
        return Extracted(question, f"{name} has {cell} {what}.", "table")
    question = about(f"What {verb} the {what} of {name}?", topic)
    return Extracted(question, f"The {what} of {name} {verb} {sentence(cell)}", "table")


# --- lists ----------------------------------------------------------------------------------------


def of_list(lines: Sequence[str], topic: str) -> Iterator[Extracted]:
    """Of items such as "Monthly fee: 4.50 crowns" and "Ballast: the first part of an overdraft"."""
    items: list[list[str]] = [[]]
    for line in lines:  # an item may go on below
        if ITEM.match(line):
            items.append([])
        items[-1].append(line.strip())
    for item in filter(None, items):
        text = ITEM.sub("", " ".join(item), count=1)
        part = PART.fullmatch(text.replace("*", "").strip())
        if not part or not is_name(name := part["name"].strip()):
            continue
        value = part["value"].strip()
        if DEFINITION.match(value):
            joined = f"{name} is" if ARTICLE.match(value) else f"{name}:"
            question = f'What does "{name}" mean?'
            yield Extracted(question, f"{joined} {sentence(value)}", "list")
        elif FIGURE.search(value) and len(value.split()) <= LONGEST_NAME and topic:
            what, verb = in_sentence(name), verb_for(name)
            of = f"{what} of {topic}"
            yield Extracted(f"What {verb} the {of}?", f"The {of} {verb} {sentence(value)}", "list")


# --- sentences ------------------------------------------------------------------------------------


ASKED: dict[re.Pattern[str], Callable[[re.Match[str]], str]] = {
    COSTS: lambda match: f"What does {as_subject(match['name'])} {match['verb']}?",
    TAKES: lambda match: f"How long does {as_subject(match['name'])} take?",
    HAS: lambda match: f"{amount(match)} {match['verb']} {as_subject(match['name'])}?",
    CALLED: lambda match: f"What {match['verb']} {as_subject(match['name'])} called?",
    DEFINES: lambda match: f"What is {as_subject(match['name'])}?",
}


def is_subject(name: str) -> bool:
    """Whether a sentence begins with a thing that can be asked for without the one before it."""
    points = POINTS.match(name) or REFERS.search(name)
    return not points and not VERBS.search(name) and is_name(name)


def amount(match: re.Match[str]) -> str:
    """What is asked for a figure: "The fee is 3 crowns" says what the fee is, "Notice is 9 days"
    how long notice is.
    """
    figure, _, behind = match["value"].partition(" ")
    if FIGURE.search(figure) and UNIT.match(behind):
        return "How long"
    return "What" if match["name"].startswith("The ") else "How much"


def as_subject(name: str) -> str:
    first, _, rest = name.partition(" ")
    return f"{first.lower()} {rest}" if rest and first in ("The", "A", "An") else in_sentence(name)


# --- words ----------------------------------------------------------------------------------------


def is_name(text: str) -> bool:
    words = text.split()
    return 0 < len(words) <= LONGEST_NAME and any(map(str.isalpha, text)) and "`" not in text


def about(question: str, topic: str, answer: str = "") -> str:
    """A question with the heading that it stands under, where it does not name it."""
    known = f"{question} {answer}".casefold()
    if not topic or topic.casefold() in known:
        return question
    return f"{question.removesuffix('?')} ({topic})?"


def in_sentence(text: str) -> str:
    """A name as it stands inside a sentence: its first letter small, but of names and acronyms."""
    first, _, rest = text.partition(" ")
    keeps = first[1:] != first[1:].lower() or rest[:1].isupper() or KEPT.match(text)
    return text if keeps else text[:1].lower() + text[1:]


def verb_for(name: str) -> str:
    """By the noun that a name is about: the wait in working days is."""
    word = (
        re.split(r" (?:in|of|for|per|on|at|until|from|to|with)\b", name)[0].split()[-1].casefold()
    )
    return "are" if word.endswith("s") and not word.endswith(("ss", "us", "is")) else "is"


def sentence(text: str) -> str:
    """A text that ends as a sentence does."""
    text = text.strip().rstrip(";,:")
    return text if text.endswith((".", "!", "?")) else f"{text}."
