"""Spans of time without a digit ("half an hour", "a week") and how often something is."""

import re
from collections.abc import Iterator
from decimal import Decimal

from evaluation.metrics.facts.fact import Fact
from evaluation.metrics.facts.folded_text import BLANK
from evaluation.metrics.facts.number_forms import plain
from evaluation.metrics.facts.units import KEPT

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
