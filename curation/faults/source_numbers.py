"""Numbers in a text by their value, however they are written, and whether others explain them."""

import re
from collections.abc import Collection, Iterator
from itertools import combinations, islice

# 1,000 and 1 000 and 1'000; 2.7 and 2,7; a K, M or B behind it.
NUMBER = re.compile(
    r"(?<![\w.,])(?P<whole>\d{1,3}(?:[,.'’ \u00a0\u202f]\d{3})+|\d+)"
    r"(?P<part>(?:[.,]\d+)*)(?P<scale>(?: ?(?:thousand|million|billion|trillion)|[kKMB])\b)?",
)
LIST_MARK = re.compile(r"(?m:^)[ \t*>-]{0,8}\d{1,3}[.)](?=\s)")
SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "billion": 1e9}
SCALES |= {"trillion": 1e12}
WORD = re.compile(r"[a-z]+")
UNITS = WORD.findall(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS = WORD.findall("twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS = WORD.findall(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
SPOKEN = {word: float(value) for value, word in enumerate(UNITS)}
SPOKEN |= {word: 10.0 * value for value, word in enumerate(TENS, start=2)}
SPOKEN |= {word: float(value) for value, word in enumerate(ORDINALS)}
SPOKEN |= {"dozen": 12.0, "half": 0.5, "once": 1.0, "twice": 2.0, "double": 2.0, "single": 1.0}
MULTIPLES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}
MONTHS = WORD.findall(
    "january february march april may june july august september october november december"
)
# What turns one unit into another: percent, time, bytes.
FACTORS = (2, 4, 7, 10, 12, 24, 30, 52, 60, 100, 365, 1000, 1024, 3600, 1e6, 1e9)
MOST = 40  # numbers of a source that are reckoned with


def numbers(text: str) -> Iterator[tuple[float, ...]]:
    """The values of each number in digits: one, or two where a dot may part thousands."""
    for match in NUMBER.finditer(LIST_MARK.sub(" ", text)):
        scale = SCALES.get((match["scale"] or "").strip().lower(), 1.0)
        yield tuple(value * scale for value in readings(match["whole"], match["part"]))


def readings(whole: str, part: str) -> tuple[float, ...]:
    digits = re.sub(r"\D", "", whole)
    parts = re.findall(r"\d+", part)
    if len(parts) > 1:  # a version or a date: each of its numbers counts
        return tuple(map(float, (digits, *parts)))
    value = float(f"{digits}.{parts[0]}") if parts else float(digits)
    pieces = re.split(r"[.,]", whole)
    if not parts and len(pieces) == 2:
        return value, float(".".join(pieces))
    return (value,)


def spoken(text: str) -> set[float]:
    """The values of numbers in words, and of months."""
    found, total, last = set[float](), 0.0, 0.0
    for word in WORD.findall(text.lower()):
        value = SPOKEN.get(word)
        if word in MULTIPLES:
            last = max(last, 1.0) * MULTIPLES[word]
            total = last
        elif value is not None:
            last = total = last + value if last >= 20 and value < last else value
        else:
            last = total = 0.0
            if word in MONTHS:
                found.add(float(MONTHS.index(word) + 1))
            continue
        found |= {total, value} if value is not None else {total}
    return found


def explained(value: float, source: Collection[float]) -> bool:
    """Whether a source says a number, rounds to it, or gives it by one step of arithmetic."""
    if value in source or value in (0.0, 1.0):
        return True
    some = list(islice(source, MOST))
    if any(is_converted(value, one) or is_rounded(value, one) for one in some):
        return True
    total = sum(some)
    if some and (close(value, total) or close(value, total / len(some))):
        return True
    return any(close(value, result) for a, b in combinations(some, 2) for result in results(a, b))


def is_converted(value: float, one: float) -> bool:
    ratio = value / one if one else 0.0
    return any(close(ratio, by) or close(ratio, 1 / by) for by in FACTORS)


def is_rounded(value: float, one: float) -> bool:
    """Whether the value has fewer digits, and is what the other one rounds to."""
    return float(f"{one:.1g}") == value or float(f"{one:.2g}") == value or round(one) == value


def results(a: float, b: float) -> Iterator[float]:
    yield from (a + b, abs(a - b), a * b)
    if a and b:
        yield from (a / b, b / a, 100 * a / b, 100 * b / a)
        yield from (100 * abs(a - b) / a, 100 * abs(a - b) / b)


def close(a: float, b: float) -> bool:
    return abs(a - b) <= 0.006 * max(abs(a), abs(b), 1e-9)
