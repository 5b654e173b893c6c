"""Dates of the calendar and times of the day, in the ways that people write them."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import regex  # where a group may have one name in several places

from evaluation.metrics.facts.fact import Fact, listed
from evaluation.metrics.facts.quantities import unit_after

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
            yield fact(match, "|".join(right))


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
        yield fact(match, f"{year or '-'}-{number:02}" + (f"-{int(day):02}" if day else ""))


def lone_parts(text: str) -> Iterator[Fact]:
    """A month or a day of the week alone."""
    for match in LONE_MONTH.finditer(text):
        yield fact(match, f"--{month_number(match['month']):02}")
    for match in WEEKDAY.finditer(text):
        name = (match["name"] or match["short"]).lower()
        yield fact(match, next((day for day in DAYS if day.startswith(name)), name))


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
            yield fact(match, f"T{hour % 24:02}:{(match['minute'] or ':00')[1:]}")
    for match in NOON.finditer(text):
        yield fact(match, "T00:00" if match[0].lower() == "midnight" else "T12:00")
    for match in HALF_PAST.finditer(text):
        yield fact(match, f"T{int(match[1]) % 24:02}:30")


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


def fact(match: regex.Match[str], value: str) -> Fact:
    return Fact("date", match[0], match.start(), match.end(), value)
