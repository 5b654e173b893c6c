"""Numbers with what they count: money, time, percent, kilograms, or nothing that we know."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import regex

from evaluation.metrics.facts.amounts import money_around
from evaluation.metrics.facts.fact import Fact, Kind
from evaluation.metrics.facts.number_forms import Number, numbers, plain
from evaluation.metrics.facts.units import DURATIONS_KEPT_IN, unit_after

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
    for found in added(shared(list(measured(text)), text), text):
        span = text[found.start : found.end]
        kind = "date" if YEAR.fullmatch(span) else found.kind
        yield Fact(kind, span, found.start, found.end, found.value, found.doubtful)


def measured(text: str) -> Iterator[Quantity]:
    end = 0
    for number in numbers(text):
        if number.start >= end:
            found = with_unit(text, number)
            end = found.end
            yield found


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
        return with_measure(text, bare, unit.kept_in, unit.factor, unit.end)
    if money:
        units = tuple(money.currencies.split("|"))
        return Quantity(
            "amount", money.start, money.end, number.values, units, False, money.factor, money.plus
        )
    return with_likely_unit(bare, number)


def with_measure(text: str, bare: Quantity, unit: str, factor: Decimal, end: int) -> Quantity:
    kind: Kind = "date" if unit in DURATIONS_KEPT_IN else "number"
    found = replace(bare, kind=kind, end=end, units=(unit,), factor=factor, doubtful=False)
    old = OLD.match(text, end) if unit == "months" and factor == 12 else None
    return replace(bare, end=old.end(), doubtful=False) if old else found


def with_likely_unit(bare: Quantity, number: Number) -> Quantity:
    """Half is 50 %; five lakh of what is not said are rupees."""
    if number.sense == "share":
        value = number.values[0]
        return replace(bare, values=(value, f"{plain(Decimal(value) * 100)} %"))
    if number.great.startswith(("lakh", "lac", "crore")):
        return replace(bare, units=("", "INR"))
    return bare


def shared(found: list[Quantity], text: str) -> list[Quantity]:
    """Give a number without a unit that of the one it is listed or ranged with."""
    for i in range(len(found) - 1, 0, -1):
        one, next_one = found[i - 1], found[i]
        between = text[one.end : next_one.start]
        if one.bare and not next_one.bare and LINK.fullmatch(between) and unit_of(next_one):
            found[i - 1] = like(one, next_one)
    for i in range(1, len(found)):
        last, one = found[i - 1], found[i]
        between = text[last.end : one.start]
        if one.bare and last.kind == "amount" and RANGE.fullmatch(between):
            found[i] = like(one, last)
    return found


def unit_of(found: Quantity) -> bool:
    return found.units != ("th",)


def like(one: Quantity, other: Quantity) -> Quantity:
    return replace(one, kind=other.kind, units=other.units, factor=other.factor, doubtful=False)


def added(found: list[Quantity], text: str) -> Iterator[Quantity]:
    """2 hours 30 minutes are one span of time."""
    last: Quantity | None = None
    for one in found:
        if last and adds_up(last, one, text[last.end : one.start]):
            sum_ = Decimal(last.scaled(last.values[0])) + Decimal(one.scaled(one.values[0]))
            last = replace(last, end=one.end, values=(plain(sum_),), factor=Decimal(1))
            continue
        if last:
            yield last
        last = one
    if last:
        yield last


def adds_up(last: Quantity, one: Quantity, between: str) -> bool:
    same = last.kind == one.kind == "date" and last.units == one.units
    counts = all(COUNTS.fullmatch(quantity.values[0]) for quantity in (last, one))
    return same and counts and last.factor > one.factor and bool(JOIN.fullmatch(between))
