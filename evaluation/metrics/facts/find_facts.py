"""All facts of a text, in their order."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from evaluation.metrics.facts.dates import (
    days_of_month,
    lone_parts,
    numeric_dates,
    times,
    worded_dates,
)
from evaluation.metrics.facts.fact import BLANK, Fact, blanked, folded
from evaluation.metrics.facts.names import identifiers, names
from evaluation.metrics.facts.number_forms import plain
from evaluation.metrics.facts.quantities import KEPT, quantities
from project.unicode_words import figures_apart

# --- digit groups ---------------------------------------------------------------------------------

# Numbers that count nothing: of telephones, accounts, cards, references.

GROUPS = re.compile(
    r"(?<![\w.,/])(?:\+?\d++|\(\d{1,6}\))(?:[ -]\(?\d{1,15}\)?){1,7}(?![\w/]|[.,-]\d)"
)
THOUSANDS = re.compile(r"\d{1,3}(?: \d{3})+")


def digit_groups(text: str) -> Iterator[Fact]:
    """1800-209-4455 and 98765 43210: however the digits are grouped, they are one number."""
    for match in GROUPS.finditer(text):
        digits = "".join(filter(str.isdigit, match[0]))
        groups = re.findall(r"\d+", match[0])
        long = len(digits) >= (6 if len(groups) > 2 else 9)
        if long and not is_range(match[0], groups) and not THOUSANDS.fullmatch(match[0]):
            yield Fact("number", match[0], *match.span(), digits)


def is_range(text: str, groups: list[str]) -> bool:
    """Whether it is rather two numbers, such as 10000-20000."""
    if len(groups) != 2 or "-" not in text or "+" in text or max(map(len, groups)) > 7:
        return False
    return int(groups[0]) < int(groups[1])


# --- durations ------------------------------------------------------------------------------------

# Spans of time without a digit ("half an hour", "a week") and how often something is.

UNIT = r"(?P<unit>second|minute|hour|day|week|fortnight|month|year|decade)\b"
HALF = re.compile(
    r"\b(?:(?:a |an )?half[- ](?:an? )?"
    rf"|(?P<quarter>(?:(?P<three>three )|an? )?quarters? of an? )){UNIT}",
    re.IGNORECASE,
)
AND_HALF = re.compile(rf"\b(?:an?|one) {UNIT} and a (?P<part>half|quarter)\b", re.IGNORECASE)
ONE = re.compile(rf"\bone[ -](?:calendar |full |whole )?{UNIT}", re.IGNORECASE)
A = re.compile(rf"\b(?:an?|the)[ -](?:full |whole )?{UNIT}", re.IGNORECASE)
ALWAYS = re.compile(r"\b24 ?[x/*] ?7\b|\bround the clock\b", re.IGNORECASE)
PERIOD = r"second|minute|hour|day|week|month|quarter|year"
RATE = re.compile(
    rf"\b(?P<firm>per|each|every)[ ](?P<unit>{PERIOD})\b"
    rf"|(?P<slash>(?<=[\w{BLANK}])/ ?)(?P<unit2>{PERIOD})\b"
    r"|\b(?P<word>hourly|daily|weekly|monthly|quarterly|yearly|annual(?:ly)?)\b"
    r"|\b(?P<annum>per annum|p\.a\.)",
    re.IGNORECASE,
)
# A span of time is given, and not how often.
SPAN = re.compile(
    r"\b(?:within|in|for|after|of|have|has|than|takes?|lasts?|least|most|about|until|by|only|valid)"
    r" $",
    re.IGNORECASE,
)
OFTEN = re.compile(rf"(?:{BLANK}|\b(?:times|once|fee|interest)) ?$", re.IGNORECASE)
WORDED = {"annual": "year", "annually": "year", "daily": "day"}


def spans(text: str) -> Iterator[Fact]:
    """ "Half an hour", "a year and a half", "one week"."""
    for match in AND_HALF.finditer(text):
        part = 1.5 if match["part"].lower() == "half" else 1.25
        yield span(match, part)
    for match in HALF.finditer(text):
        yield span(match, 0.5 if not match["quarter"] else 0.75 if match["three"] else 0.25)
    for match in ONE.finditer(text):
        yield span(match, 1)
    for match in ALWAYS.finditer(text):
        yield Fact("date", match[0], *match.span(), "24/7")


def rates(text: str) -> Iterator[Fact]:
    """ "Per month", "yearly", and "a day", which says how long or how often."""
    for match in RATE.finditer(text):
        unit = match["unit"] or match["unit2"] or period(match["word"] or "annual")
        yield Fact("date", match[0], *match.span(), f"1 per {unit.lower()}")
    for match in A.finditer(text):
        before = text[max(0, match.start() - 12) : match.start()]
        article = not match[0].lower().startswith("the")
        rate = f"1 per {match['unit'].lower()}"
        how_long = span(match, 1).value
        if article and OFTEN.search(before):
            yield Fact("date", match[0], *match.span(), rate)
        elif article and SPAN.search(before):
            yield Fact("date", match[0], *match.span(), how_long)
        else:
            yield Fact("date", match[0], *match.span(), f"{how_long}|{rate}", doubtful=True)


def span(match: re.Match[str], times: float) -> Fact:
    kept_in, factor = KEPT[match["unit"].lower()]
    value = plain(Decimal(times) * Decimal(factor))
    return Fact("date", match[0], *match.span(), f"{value} {kept_in}")


def period(word: str) -> str:
    word = word.lower()
    return WORDED.get(word) or word.removesuffix("ly")


# --- find facts -----------------------------------------------------------------------------------

# In this order: what one of them took, the next does not see.
FINDERS: tuple[Callable[[str], Iterator[Fact]], ...] = (
    identifiers,
    numeric_dates,
    digit_groups,
    days_of_month,
    worded_dates,
    times,
    spans,
    quantities,
    lone_parts,
    rates,
    names,
)


# "1." and "2)" at the begin of lines count the lines of a list, and say nothing.
LIST_NUMBER = re.compile(r"^[ \t]*\(?\d{1,2}[.)](?=[ \t]+\S)", re.MULTILINE)


def find_facts(text: str, *, doubtful: bool = False) -> tuple[Fact, ...]:
    """The facts of a text by where they begin. No two overlap.

    With `doubtful`, those too that may be none. Takes time linear in the length of the text.
    """
    found: list[Fact] = []
    unread = figures_apart(without_list_numbers(folded(text)))
    for finder in FINDERS:
        new = apart(finder(unread))
        unread = blanked(unread, [(fact.start, fact.end) for fact in new])
        found += new
    kept = [fact for fact in found if doubtful or not fact.doubtful]
    kept = [replace(fact, text=text[fact.start : fact.end]) for fact in kept]
    return tuple(sorted(kept, key=lambda fact: fact.start))


def without_list_numbers(text: str) -> str:
    spans = [match.span() for match in LIST_NUMBER.finditer(text)]
    return blanked(text, spans) if len(spans) > 1 else text


def apart(found: Iterable[Fact]) -> list[Fact]:
    """The facts by where they begin, without those that overlap the one before."""
    kept: list[Fact] = []
    for fact in sorted(found, key=lambda fact: fact.start):
        if not kept or kept[-1].end <= fact.start:
            kept.append(fact)
    return kept
