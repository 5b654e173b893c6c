"""Numbers with what they count: money, time, percent, kilograms, or nothing that we know."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

import regex

from evaluation.metrics.facts.fact import Fact, Kind, listed
from evaluation.metrics.facts.number_forms import MINUS, Number, numbers, plain

# Between the two numbers of "5 to 7 days" and "25, 50 or 100 dollars".
LINK = regex.compile(r" ?(?:-|to|and|or|until|up to|,|, or|, and|&) ?", regex.IGNORECASE)
RANGE = regex.compile(r" ?(?:-|to) ?", regex.IGNORECASE)
JOIN = regex.compile(r" (?:and )?|, ", regex.IGNORECASE)
PART_OF = regex.compile(r"(?: of)? an?", regex.IGNORECASE)  # half a litre
OLD = regex.compile(r"[ -]?(?:old|of age)\b", regex.IGNORECASE)
YEAR = regex.compile(r"(?:19|20)\d\d")
# 24/7 and 1.2.3 count nothing, and what has more digits is an identifier.
COUNTS = regex.compile(r"-?\d{1,30}(?:\.\d{1,30})?")


@dataclass(frozen=True)
class Quantity:
    """A number and its unit; `units` has several where it is not clear which."""

    kind: Kind
    start: int
    end: int
    values: tuple[str, ...]
    units: tuple[str, ...] = ("",)
    doubtful: bool = False
    factor: Decimal = Decimal(1)  # of its unit
    plus: Decimal = Decimal(0)

    @property
    def bare(self) -> bool:
        return self.units == ("",)

    @property
    def value(self) -> str:
        pairs = [(self.scaled(value), unit) for value in self.values for unit in self.units]
        return "|".join(dict.fromkeys(f"{value} {unit}".strip() for value, unit in pairs))

    def scaled(self, value: str) -> str:
        if not COUNTS.fullmatch(value):
            return plain(value)
        return plain(Decimal(value) * self.factor + self.plus)


def quantities(text: str) -> Iterator[Fact]:
    """The quantities of a folded text, from left to right."""
    for quantity in added(shared(list(measured(text)), text), text):
        span = text[quantity.start : quantity.end]
        kind = "date" if YEAR.fullmatch(span) else quantity.kind
        yield Fact(kind, span, quantity.start, quantity.end, quantity.value, quantity.doubtful)


def measured(text: str) -> Iterator[Quantity]:
    end = 0
    for number in numbers(text):
        if number.start >= end:
            quantity = with_unit(text, number)
            end = quantity.end
            yield quantity


def with_unit(text: str, number: Number) -> Quantity:
    bare = Quantity("number", number.start, number.end, number.values, doubtful=number.doubtful)
    if number.sense == "th":
        return replace(bare, units=("th",))
    if any("/" in value for value in number.values):
        return bare
    money = money_around(text, number.start, number.end)
    part = PART_OF.match(text, number.end) if number.sense == "share" else None
    unit = unit_after(text, part.end() if part else number.end)
    decade = unit and unit.end - number.end == 1 and YEAR.fullmatch(number.values[0])  # the 1980s
    if unit and not decade and not (money and money.start < number.start):
        kind: Kind = "date" if unit.kept_in in DURATIONS_KEPT_IN else "number"
        quantity = replace(
            bare, kind=kind, end=unit.end, units=(unit.kept_in,), factor=unit.factor, doubtful=False
        )
        old = OLD.match(text, unit.end) if unit.kept_in == "months" and unit.factor == 12 else None
        return replace(bare, end=old.end(), doubtful=False) if old else quantity
    if money:
        units = tuple(money.currencies.split("|"))
        return Quantity(
            "amount", money.start, money.end, number.values, units, False, money.factor, money.plus
        )
    # Half is 50 %; five lakh of what is not said are rupees.
    if number.sense == "share":
        value = number.values[0]
        return replace(bare, values=(value, f"{plain(Decimal(value) * 100)} %"))
    if number.great.startswith(("lakh", "lac", "crore")):
        return replace(bare, units=("", "INR"))
    return bare


def shared(quantities: list[Quantity], text: str) -> list[Quantity]:
    """Give a number without a unit that of the one it is listed or ranged with."""
    for i in range(len(quantities) - 1, 0, -1):
        number, next_one = quantities[i - 1], quantities[i]
        between = text[number.end : next_one.start]
        if (
            number.bare
            and not next_one.bare
            and LINK.fullmatch(between)
            and next_one.units != ("th",)
        ):
            quantities[i - 1] = like(number, next_one)
    for i in range(1, len(quantities)):
        last, number = quantities[i - 1], quantities[i]
        between = text[last.end : number.start]
        if number.bare and last.kind == "amount" and RANGE.fullmatch(between):
            quantities[i] = like(number, last)
    return quantities


def like(one: Quantity, other: Quantity) -> Quantity:
    return replace(one, kind=other.kind, units=other.units, factor=other.factor, doubtful=False)


def added(quantities: list[Quantity], text: str) -> Iterator[Quantity]:
    """2 hours 30 minutes are one span of time."""
    last: Quantity | None = None
    for part in quantities:
        if last and adds_up(last, part, text[last.end : part.start]):
            sum_ = Decimal(last.scaled(last.values[0])) + Decimal(part.scaled(part.values[0]))
            last = replace(last, end=part.end, values=(plain(sum_),), factor=Decimal(1))
            continue
        if last:
            yield last
        last = part
    if last:
        yield last


def adds_up(last: Quantity, one: Quantity, between: str) -> bool:
    same = last.kind == one.kind == "date" and last.units == one.units
    counts = all(COUNTS.fullmatch(quantity.values[0]) for quantity in (last, one))
    return same and counts and last.factor > one.factor and bool(JOIN.fullmatch(between))


# --- amounts --------------------------------------------------------------------------------------

# Amounts of money: which currency a number is in, by what stands before or after it.

SYMBOLS = {
    "US$": "USD",
    "A$": "AUD",
    "AU$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "NZ$": "NZD",
    "S$": "SGD",
    "HK$": "HKD",
    "R$": "BRL",
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "Rs.": "INR",
    "Rs": "INR",
    "¥": "JPY|CNY",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₪": "ILS",
    "₦": "NGN",
    "₱": "PHP",
    "฿": "THB",
}
CODES = listed(
    "AED AUD BDT BRL CAD CHF CNY CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KES KRW LKR MXN MYR"
    " NGN NOK NPR NZD PKR PLN RON RUB SAR SEK SGD THB TRY USD VND ZAR"
)
# In capitals, but for the best known: "try 5 times" is about no lira.
CODE = rf"(?-i:{'|'.join(CODES)}|usd|eur|gbp|inr|chf)"
NAMES = {
    r"australian dollars?": "AUD",
    r"canadian dollars?": "CAD",
    r"new zealand dollars?": "NZD",
    r"singapore dollars?": "SGD",
    r"hong kong dollars?": "HKD",
    r"(?:(?:us|u\.s\.|american) )?dollars?": "USD",
    r"euros?": "EUR",
    r"(?:british )?pounds?(?: sterling)?": "GBP",
    r"(?:indian )?rupees?": "INR",
    r"(?:swiss )?francs?": "CHF",
    r"(?:japanese )?yen": "JPY",
    r"(?:chinese )?(?:yuan|renminbi)": "CNY",
    r"(?:swedish )?kron(?:or|a)": "SEK",
    r"danish kroner?": "DKK",
    r"norwegian kroner?": "NOK",
    r"(?:polish )?z[łl]oty": "PLN",
    r"pesos?": "MXN|PHP",
    r"dirhams?": "AED",
    r"(?:south african )?rand": "ZAR",
}
MINOR = {
    r"euro ?cents?": "EUR",
    r"cents?|¢": "USD|EUR|AUD|CAD|NZD|SGD|ZAR",
    r"pence|p": "GBP",
    r"paise|paisa": "INR",
}
GREAT = {"k": 3, "m": 6, "mn": 6, "mio": 6, "bn": 9, "b": 9, "tn": 12, "cr": 7, "l": 5}
CURRENCY_OF = {sign.lower(): currency for sign, currency in SYMBOLS.items()}
SIGN = "|".join(re.escape(sign) for sign in sorted(SYMBOLS, key=len, reverse=True))
BEFORE = re.compile(
    rf"(?P<minus>{MINUS})?(?:(?<![A-Za-z])(?P<sign>{SIGN})|\b(?P<code>{CODE})) {{0,2}}$",
    re.IGNORECASE,
)
LETTER = re.compile(rf" ?({'|'.join(GREAT)})\b(?!')", re.IGNORECASE)
NAMED = "|".join(f"({name})" for name in NAMES)
LESSER = "|".join(f"({name})" for name in MINOR)
AFTER = re.compile(
    rf" ?(?P<sign>{SIGN}|¢)(?! ?\d|[A-Za-z])"
    rf"|[ -]?(?:(?P<code>{CODE})|{NAMED}|{LESSER})(?!\w)",
    re.IGNORECASE,
)
# "60 dollars and 20 cents", "2 euros 80"
CENTS = re.compile(r"(?: and)? (\d{1,2}) (?:cents?|pence|paise)\b| (\d\d)(?![\w%.,]*\d)(?! [a-z])")
END = re.compile(r"/-|/=")


class Money(NamedTuple):
    """Its currencies (one, if it is clear which), where it begins and ends, and its size."""

    currencies: str
    start: int
    end: int
    factor: Decimal = Decimal(1)
    plus: Decimal = Decimal(0)


def money_around(text: str, start: int, end: int) -> Money | None:
    """The currency of the number at `start:end`."""
    before = BEFORE.search(text, max(0, start - 12), start)  # minus, a code, blanks
    letter = LETTER.match(text, end)
    after = AFTER.match(text, letter.end() if letter else end)
    if not before and not after:
        return None
    size = Decimal(1)
    if letter and (before or after):
        end, size = letter.end(), Decimal(10) ** GREAT[letter[1].lower()]
    elif not before and not (after := AFTER.match(text, end)):
        return None
    if before:
        sign, code = before["sign"], before["code"]
        currency = CURRENCY_OF[sign.lower()] if sign else code.upper()
        after = AFTER.match(text, end)
        if after and currency in currency_after(after)[0]:  # US$20 USD
            end = after.end()
        if tail := END.match(text, end):
            end = tail.end()
        return Money(currency, before.start(), end, -size if before["minus"] else size)
    assert after
    currencies, minor = currency_after(after)
    plus = CENTS.match(text, after.end()) if not minor else None
    return Money(
        currencies,
        start,
        plus.end() if plus else after.end(),
        Decimal("0.01") if minor else size,
        Decimal(plus[1] or plus[2]) / 100 if plus else Decimal(0),
    )


def currency_after(match: re.Match[str]) -> tuple[str, bool]:
    """The currency, and whether it is in hundredths of it."""
    if match["sign"]:
        sign = match["sign"].lower()
        return (MINOR[r"cents?|¢"], True) if sign == "¢" else (CURRENCY_OF[sign], False)
    if match["code"]:
        return match["code"].upper(), False
    groups = match.groups()[2:]
    at = next(i for i, group in enumerate(groups) if group)
    currencies = [*NAMES.values(), *MINOR.values()][at]
    return currencies, at >= len(NAMES)


# --- units ----------------------------------------------------------------------------------------

# The units of numbers: of time, of mass, length, data …; what each is in the unit it is kept in.
#
# `UNITS` maps a spelling in lower case to (kept in, factor). Durations are kept in seconds, months
# or working days, since a month is no number of days.


class MeasureUnit(NamedTuple):
    kept_in: str
    factor: Decimal
    end: int  # where it ends in the text


DURATIONS: dict[str, tuple[str, int | str]] = {
    "ms millisecond milliseconds": ("s", "0.001"),
    "s sec secs second seconds": ("s", 1),
    "min mins minute minutes": ("s", 60),
    "h hr hrs hour hours": ("s", 3600),
    "day days": ("s", 86400),
    "week weeks wk wks": ("s", 7 * 86400),
    "fortnight fortnights": ("s", 14 * 86400),
    "month months": ("months", 1),
    "year years yr yrs": ("months", 12),
    "decade decades": ("months", 120),
}
MEASURES: dict[str, tuple[str, int | str]] = {
    "% percent pct": ("%", 1),
    "bps bp": ("points", "0.01"),
    "pp": ("points", 1),
    "mg milligram milligrams": ("g", "0.001"),
    "g gram grams gramme grammes": ("g", 1),
    "kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes": ("g", 1000),
    "tonne tonnes": ("g", 10**6),
    "lb lbs": ("g", "453.59237"),
    "oz ounce ounces": ("g", "28.349523125"),
    "mm millimetre millimetres millimeter millimeters": ("m", "0.001"),
    "cm centimetre centimetres centimeter centimeters": ("m", "0.01"),
    "m metre metres meter meters": ("m", 1),
    "km kilometre kilometres kilometer kilometers": ("m", 1000),
    "inch inches": ("m", "0.0254"),
    "ft foot feet": ("m", "0.3048"),
    "yard yards": ("m", "0.9144"),
    "mile miles": ("m", "1609.344"),
    "ml millilitre millilitres milliliter milliliters": ("l", "0.001"),
    "cl centilitre centilitres": ("l", "0.01"),
    "l litre litres liter liters": ("l", 1),
    "bit bits": ("bit", 1),
    "byte bytes": ("byte", 1),
    "kb kilobyte kilobytes": ("byte", 10**3),
    "mb megabyte megabytes": ("byte", 10**6),
    "gb gigabyte gigabytes": ("byte", 10**9),
    "tb terabyte terabytes": ("byte", 10**12),
    "kib": ("byte", 2**10),
    "mib": ("byte", 2**20),
    "gib": ("byte", 2**30),
    "kmh kph": ("km/h", 1),
    "mph": ("mph", 1),
    "w watt watts": ("w", 1),
    "kw kilowatt kilowatts": ("w", 1000),
    "kwh": ("kwh", 1),
    "px pixel pixels": ("px", 1),
    "hz hertz": ("hz", 1),
    "mhz megahertz": ("hz", 10**6),
    "ghz gigahertz": ("hz", 10**9),
    "m2 m² sqm": ("m2", 1),
    "°c": ("°c", 1),
    "°f": ("°f", 1),
    "° degree degrees": ("°", 1),
}
PHRASES: dict[str, tuple[str, int | str]] = {
    r"per cent": ("%", 1),
    r"percentage points?": ("points", 1),
    r"basis points?": ("points", "0.01"),
    r"(?:km/h|kilomet(?:re|er)s? (?:per|an) hour)": ("km/h", 1),
    r"miles? (?:per|an) hour": ("mph", 1),
    r"(?:square met(?:re|er)s?|sq\.? m)": ("m2", 1),
    r"(?:square feet|sq\.? ?ft)": ("ft2", 1),
    r"degrees? celsius": ("°c", 1),
    r"degrees? fahrenheit": ("°f", 1),
    r"(?:working|business|bank|banking) days?": ("working days", 1),
}
KEPT = {name: unit for names, unit in (DURATIONS | MEASURES).items() for name in names.split()}
TIME = {name for names in DURATIONS for name in names.split()}
SPELLINGS = sorted(KEPT, key=len, reverse=True)
BETWEEN = r"(?:(?:calendar|full|whole|consecutive|more|further|additional|extra|long|short) )?"
UNIT_AFTER = re.compile(
    rf"[ -]?(?:(?P<phrase>{'|'.join(f'({phrase})' for phrase in PHRASES)})"
    rf"|{BETWEEN}(?P<word>{'|'.join(map(re.escape, SPELLINGS))})[s']?)(?!\w)",
    re.IGNORECASE,
)
PHRASE_UNITS = tuple(PHRASES.values())
DURATIONS_KEPT_IN = frozenset(["s", "months", "working days"])


def unit_after(text: str, at: int) -> MeasureUnit | None:
    """The unit that follows the number which ends at `at`."""
    match = UNIT_AFTER.match(text, at)
    if not match:
        return None
    if match["phrase"]:
        groups = match.groups()[1 : 1 + len(PHRASE_UNITS)]
        kept_in, factor = next(u for u, g in zip(PHRASE_UNITS, groups, strict=True) if g)
    else:
        kept_in, factor = KEPT[match["word"].lower()]
    return MeasureUnit(kept_in, Decimal(factor), match.end())
