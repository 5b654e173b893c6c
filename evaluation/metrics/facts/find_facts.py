"""All facts of a text, in their order."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import regex  # where a group may have one name in several places

from evaluation.metrics.facts.fact import BLANK, Fact, blanked, folded, listed
from evaluation.metrics.facts.names import identifiers, names
from evaluation.metrics.facts.number_forms import plain
from evaluation.metrics.facts.quantities import KEPT, quantities, unit_after
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
ONE_UNIT = re.compile(rf"\bone[ -](?:calendar |full |whole )?{UNIT}", re.IGNORECASE)
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
PERIOD_OF = {"annual": "year", "annually": "year", "daily": "day"}


def spans(text: str) -> Iterator[Fact]:
    """ "Half an hour", "a year and a half", "one week"."""
    for match in AND_HALF.finditer(text):
        part = 1.5 if match["part"].lower() == "half" else 1.25
        yield span(match, part)
    for match in HALF.finditer(text):
        yield span(match, 0.5 if not match["quarter"] else 0.75 if match["three"] else 0.25)
    for match in ONE_UNIT.finditer(text):
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
    return PERIOD_OF.get(word) or word.removesuffix("ly")


# --- dates ----------------------------------------------------------------------------------------

# Dates of the calendar and times of the day, in the ways that people write them.

MONTHS = listed(
    "january february march april may june july august september october november december"
)
DAYS = listed("monday tuesday wednesday thursday friday saturday sunday")
SHORT = [name[:3] for name in MONTHS] + ["sept"]
# "May" and "march" are verbs too: in lower case, a month is written out and no such word.
CASED = [form for name in MONTHS + SHORT for form in (name.capitalize(), name.upper())]
CASED += [name for name in MONTHS if name not in ("march", "may")]
MONTH = rf"(?P<month>(?-i:{'|'.join(CASED)})\b\.?)"
DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
YEAR = r"(?P<year>(?:1[5-9]|20)\d\d)\b"
NUMERIC = regex.compile(
    r"(?<![\w./-])(?:(?P<y>(?:1[5-9]|20)\d\d)(?P<s>[-/.])(?P<m>\d\d?)(?P=s)(?P<d>\d\d?)"
    r"|(?P<a>\d{1,2})(?P<t>[-/.])(?P<b>\d{1,2})(?P=t)(?P<z>(?:1[5-9]|20)\d\d|\d\d))"
    r"(?![\w/-]|\.\d)"
)
WORDED = regex.compile(
    rf"\b(?:the )?{DAY}(?: of)?[ -]{MONTH}(?:,?[ -]{YEAR})?"
    rf"|\b{MONTH}[ -]?(?:the )?{DAY}\b(?![:%]|\.\d)"
    rf"(?:,?[ ]{YEAR})?"
    rf"|\b{MONTH},?[ ]{YEAR}",
    regex.IGNORECASE,
)
# Several days of one month: "3 to 17 March", "3, 5 and 9 May", "March 3-17, 2024".
ONE = rf"(?P<one>{DAY})"
LINK = r"(?: ?- ?|,? (?:to|until|till|through|and|or|&) (?:the )?)"
DAYS_OF_MONTH = regex.compile(
    rf"(?<![\w.:/$€£-])(?<!{MONTH} (?:the )?)(?:{ONE}, ){{0,9}}{ONE}{LINK}{ONE}(?: of)?[ -]{MONTH}"
    rf"(?:,?[ -]{YEAR})?"
    rf"|\b{MONTH} (?:the )?{ONE}(?: ?- ?| (?:to|through) (?:the )?){ONE}\b"
    rf"(?![:%]|\.\d| ?[ap]\.?m\b| {MONTH})(?:,?[ ]{YEAR})?",
    regex.IGNORECASE,
)
LONE = "|".join(n.capitalize() for n in MONTHS + SHORT if n not in ("march", "may", "mar"))
LONE_MONTH = regex.compile(
    rf"\b(?P<month>(?:{LONE})\b\.?"
    r"|(?<=\b(?:in|of|by|until|since|from|to|and|every|each) )(?:March|May))(?!\w)"
)
WEEKDAY = regex.compile(
    rf"\b(?P<name>{'|'.join(DAYS)}|weekend|weekday)(?:s|'s)?\b"
    r"|\b(?P<short>(?-i:Mon|Tues?|Wed|Thur?s?|Fri|Sat|Sun))\b\.?(?! (?-i:[A-Z]))",
    regex.IGNORECASE,
)
HALF_DAY = r"(?P<half>[ap])(?:m\b|\.m\b\.?)"
CLOCK = regex.compile(
    r"(?<![\w:.])(?P<hour>[01]?\d|2[0-4])"
    r"(?:(?P<minute>[:.][0-5]\d)(?::[0-5]\d)?)?"
    rf"(?: ?{HALF_DAY}|(?<=:\d\d)(?![\d:])| o'clock)"
    r"(?! ?(?:%|kg|percent))",
    regex.IGNORECASE,
)
# The "9" of "9 to 5 pm"
FIRST_OF_TWO = regex.compile(
    r"(?<![\w:.])(?P<hour>1?\d)(?P<minute>[:.][0-5]\d)?"
    rf"(?= ?(?:-|to|and|until|till) ?1?\d(?:[:.][0-5]\d)? ?{HALF_DAY})",
    regex.IGNORECASE,
)
NOON = regex.compile(r"\b(?:noon|midday|midnight)\b", regex.IGNORECASE)
HALF_PAST = regex.compile(r"\bhalf past (\d{1,2})\b", regex.IGNORECASE)


def numeric_dates(text: str) -> Iterator[Fact]:
    """2024-03-03, 3.3.2024; of 03/04/2024 both readings."""
    for match in NUMERIC.finditer(text):
        if match["y"]:
            values = [iso(match["y"], match["m"], match["d"])]
        else:
            year = match["z"] if len(match["z"]) == 4 else f"20{match['z']}"
            values = [iso(year, match["b"], match["a"])]
            if match["t"] != ".":
                values.append(iso(year, match["a"], match["b"]))
        if right := [value for value in dict.fromkeys(values) if value]:
            yield dated(match, "|".join(right))


def days_of_month(text: str) -> Iterator[Fact]:
    """Each of the days in "3 to 17 March": all share the month, and the year where there is one."""
    for match in DAYS_OF_MONTH.finditer(text):
        days = [int(day) for day in match.captures("day")]
        rising = all(day < later for day, later in pairwise([0, *days, 32]))
        if not rising or unit_after(text, match.end()):  # March 3 to 10 days
            continue
        spans = match.spans("one")
        starts = [match.start(), *(start for start, _ in spans[1:])]
        ends = [*(end for _, end in spans[:-1]), match.end()]
        month = f"{match['year'] or '-'}-{month_number(match['month']):02}"
        for day, start, end in zip(days, starts, ends, strict=True):
            yield Fact("date", text[start:end], start, end, f"{month}-{day:02}")


def worded_dates(text: str) -> Iterator[Fact]:
    """3 March 2024, March 3rd, March 2024. A date without a year is --03-03, as in ISO 8601."""
    for match in WORDED.finditer(text):
        number, day, year = month_number(match["month"]), match["day"], match["year"]
        if day and not 1 <= int(day) <= 31:
            continue
        yield dated(match, f"{year or '-'}-{number:02}" + (f"-{int(day):02}" if day else ""))


def lone_parts(text: str) -> Iterator[Fact]:
    """A month or a day of the week alone."""
    for match in LONE_MONTH.finditer(text):
        yield dated(match, f"--{month_number(match['month']):02}")
    for match in WEEKDAY.finditer(text):
        name = (match["name"] or match["short"]).lower()
        yield dated(match, next((day for day in DAYS if day.startswith(name)), name))


def times(text: str) -> Iterator[Fact]:
    """5 pm, 17:00, noon: T17:00, as in ISO 8601."""
    for pattern in (CLOCK, FIRST_OF_TWO):
        for match in pattern.finditer(text):
            hour, half = int(match["hour"]), (match["half"] or "").lower()
            if pattern is FIRST_OF_TWO and hour >= half_hour(text, match):
                half = ""  # 9 to 5 pm
            if half and hour > 12:
                half = ""
            hour = hour % 12 + 12 * (half == "p") if half else hour
            yield dated(match, f"T{hour % 24:02}:{(match['minute'] or ':00')[1:]}")
    for match in NOON.finditer(text):
        yield dated(match, "T00:00" if match[0].lower() == "midnight" else "T12:00")
    for match in HALF_PAST.finditer(text):
        yield dated(match, f"T{int(match[1]) % 24:02}:30")


def half_hour(text: str, match: regex.Match[str]) -> int:
    """The hour that a range such as 9-11 am ends at."""
    later = regex.search(r"\d+", text[match.end() :][:12])
    return int(later[0]) if later else 12


def month_number(name: str) -> int:
    return next(n for n, month in enumerate(MONTHS, 1) if month.startswith(name[:3].lower()))


def iso(year: str, month: str, day: str) -> str:
    """The date, or nothing where there is none such."""
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""


def dated(match: regex.Match[str], value: str) -> Fact:
    return Fact("date", match[0], match.start(), match.end(), value)


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
    facts: list[Fact] = []
    unread = figures_apart(without_list_numbers(folded(text)))
    for finder in FINDERS:
        new = apart(finder(unread))
        unread = blanked(unread, [(fact.start, fact.end) for fact in new])
        facts += new
    kept = [fact for fact in facts if doubtful or not fact.doubtful]
    kept = [replace(fact, text=text[fact.start : fact.end]) for fact in kept]
    return tuple(sorted(kept, key=lambda fact: fact.start))


def without_list_numbers(text: str) -> str:
    spans = [match.span() for match in LIST_NUMBER.finditer(text)]
    return blanked(text, spans) if len(spans) > 1 else text


def apart(facts: Iterable[Fact]) -> list[Fact]:
    """The facts by where they begin, without those that overlap the one before."""
    kept: list[Fact] = []
    for fact in sorted(facts, key=lambda fact: fact.start):
        if not kept or kept[-1].end <= fact.start:
            kept.append(fact)
    return kept
