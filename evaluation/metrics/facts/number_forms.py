"""How numbers are written: in digits, in English words, in both; what they come to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from evaluation.metrics.facts.fact import listed

UNITS = listed("one two three four five six seven eight nine")
TEENS = listed("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")
SMALL = {word: n for n, word in enumerate(UNITS + TEENS, 1)}
SMALL |= {word: n for n, word in zip(range(20, 100, 10), TENS, strict=True)} | {"zero": 0}
GREAT = {
    "hundred": 10**2,
    "thousand": 10**3,
    "lakh": 10**5,
    "lakhs": 10**5,
    "lac": 10**5,
    "lacs": 10**5,
    "million": 10**6,
    "crore": 10**7,
    "crores": 10**7,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
PARTS = {"half": "0.5", "quarter": "0.25"}
SHARES = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "tenth": 10}
SIGNS = {"½": (1, 2), "¼": (1, 4), "¾": (3, 4), "⅓": (1, 3), "⅔": (2, 3)}
ORDINALS = listed(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
    " fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
TIMES = {"twice": 2, "thrice": 3}
MAYBE = {"one": 1, "once": 1, "single": 1, "both": 2, "couple": 2, "pair": 2, "double": 2}
MAYBE |= {"doubled": 2, "no": 0, "free": 0, "nothing": 0}

UNDER_100 = (
    rf"(?:(?:{'|'.join(TENS)})(?:[- ](?:{'|'.join(UNITS)})\b)?|{'|'.join(TEENS + UNITS)}|zero)\b"
)
UNDER_1000 = rf"(?:(?:{UNDER_100}|\ban?)[- ]hundred\b(?:[- ](?:and[- ])?{UNDER_100})?|{UNDER_100})"
BIG = rf"(?:{'|'.join(word for word in GREAT if word != 'hundred')})\b"
WORDS = (
    rf"(?:(?:(?:{UNDER_1000}|an?)[- ]{BIG}(?:,? (?:and )?(?={UNDER_100}))?){{1,4}}"
    rf"(?:{UNDER_1000})?|{UNDER_1000})"
)
# No dash between two numbers: "5 -10", "$5 -$10", "5% -10%", "5 °C -10 °C".
MINUS = r"(?:(?<![\d)\0%€£] )(?<!°[CF] )(?<![\w\0])-|\bminus )"
# At most 30 digits: what is longer is an identifier.
DIGITS = r"(?:\d{1,3}(?:[ ']\d{3}){1,6}(?![\d'])(?:[.,]\d{1,9})?|\d++(?:[.,]\d++){0,9}+)"
NUMBER = re.compile(
    r"(?:(?<!\w)(?<!\d[.,])|(?<=\bRs)|(?<=\b(?:INR|USD|EUR|GBP|CHF)))(?:"
    rf"(?P<share>(?:(?P<over>{UNDER_100}|\d)[- ](?:thirds?|quarters?|fifths?|tenths?)\b"
    rf"|an?[- ](?:third|quarter|fifth|tenth)(?= of\b)|(?:a )?half\b))"
    r"|(?P<slash>(?P<whole>\d{1,3} )?(?P<top>\d{1,2})/(?P<below>\d{1,3})(?![\d/]))"
    r"|(?P<signed>\d{0,6})(?P<sign>[½¼¾⅓⅔])"
    r"|(?P<ordinal>\d{1,6}(?:st|nd|rd|th)\b)"
    rf"|(?P<minus>{MINUS})?(?:(?P<digits>{DIGITS})|(?P<words>{WORDS}))"
    rf"(?P<part> and an? (?:half|quarter)\b)?(?:[ -]?(?P<great>hundred\b|{BIG}))?"
    rf"|(?P<place>(?:{'|'.join(ORDINALS[1:])})\b)"
    rf"|(?P<times>(?:{'|'.join(TIMES)})\b)"
    rf"|(?P<maybe>(?:first|{'|'.join(MAYBE)})\b)"
    r")",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Number:
    """A number in a text: where it stands, what it may come to, and in which sense."""

    start: int
    end: int
    values: tuple[str, ...]  # "1200", "0.5"; an identifier keeps its zeros
    sense: str = ""  # "th" of ordinals, "share" of fractions
    doubtful: bool = False
    great: str = ""  # lakh, million …


def numbers(text: str) -> Iterator[Number]:
    """The numbers of a folded text, from left to right."""
    for match in NUMBER.finditer(text):
        start, end = match.span()
        yield read(match, start, end)


def read(match: re.Match[str], start: int, end: int) -> Number:
    if match["maybe"]:
        word = match["maybe"].lower()
        value, sense = (1, "th") if word == "first" else (MAYBE[word], "")
        return Number(start, end, (str(value),), sense, doubtful=True)
    if match["times"]:
        return Number(start, end, (str(TIMES[match["times"].lower()]),))
    if place := match["ordinal"] or match["place"]:
        return ordinal(match, place.lower())
    if match["share"] or match["slash"] or match["sign"]:
        return share(match)
    alone = match["words"] and match["words"].lower() in ("one", "zero") and not match["great"]
    values = tuple(dict.fromkeys(plain(scaled(value, match)) for value in bare_values(match)))
    return Number(start, end, values, "", bool(alone), (match["great"] or "").lower())


def ordinal(match: re.Match[str], place: str) -> Number:
    value = place[:-2] if place[0].isdigit() else str(ORDINALS.index(place) + 1)
    # "Second" is a time as well, and a way to say "next".
    before = match.string[max(0, match.start() - 6) : match.start()].lower()
    doubtful = place == "second" and not before.endswith((" the ", " a "))
    return Number(*match.span(), (str(int(value)),), "th", doubtful)


def share(match: re.Match[str]) -> Number:
    whole, top, below = 0, 1, 2
    if match["slash"]:
        whole, top, below = int(match["whole"] or 0), int(match["top"]), int(match["below"])
    elif match["sign"]:
        whole, (top, below) = int(match["signed"] or 0), SIGNS[match["sign"]]
    else:
        below = next(n for word, n in SHARES.items() if word in match["share"].lower())
        top = int(word_value(match["over"])) if match["over"] else 1
    if not below:
        return Number(*match.span(), (match[0],))
    value = plain(round(whole + Decimal(top) / below, 4))
    if top >= below:  # 24/7 is no share
        return Number(*match.span(), (match[0], value))
    return Number(*match.span(), (value,), "" if whole else "share")


def bare_values(match: re.Match[str]) -> list[str]:
    if match["words"]:
        return [word_value(match["words"])]
    return digit_values(match["digits"])


def scaled(value: str, match: re.Match[str]) -> str:
    """The number with its half, its million and its sign."""
    if not (match["part"] or match["great"] or match["minus"]):
        return value
    number = Decimal(value) if value.count(".") < 2 and len(value) < 30 else Decimal(0)
    if match["part"]:
        number += Decimal(PARTS[match["part"].split()[-1].lower()])
    number *= GREAT[match["great"].lower()] if match["great"] else 1
    return f"{-number if match['minus'] else number:f}"


def word_value(words: str) -> str:
    """ "Two thousand five hundred" -> "2500"."""
    if words.isdigit():
        return words
    total = current = 0
    for word in re.split(r"[ ,-]+", words.lower()):
        if word in SMALL:
            current += SMALL[word]
        elif word == "hundred":
            current = (current or 1) * 100
        elif word in GREAT:
            total, current = total + (current or 1) * GREAT[word], 0
    return str(total + current)


def digit_values(digits: str) -> list[str]:
    """What digits can mean: "1.200" is 1200 in Berlin and 1.2 in London."""
    text = digits.replace(" ", "").replace("'", "")
    points, commas = text.count("."), text.count(",")
    if points and commas:
        decimal = max(".,", key=text.rfind)
        whole, _, rest = text.rpartition(decimal)
        return [f"{whole.replace('.', '').replace(',', '')}.{rest}"]
    if commas:
        grouped = re.fullmatch(r"[1-9]\d{0,2}(?:,\d{2,3}){0,8},\d{3}", text)
        return [text.replace(",", "") if grouped or commas > 1 else text.replace(",", ".")]
    if points and re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3}){1,8}", text):
        return [text.replace(".", "")] + ([text] if points == 1 else [])
    return [text]


def plain(value: str | Decimal) -> str:
    """The number without zeros that say nothing."""
    text = f"{value:f}" if isinstance(value, Decimal) else value
    if text.count(".") != 1:
        return text
    text = text.rstrip("0").rstrip(".")
    return text or "0"
