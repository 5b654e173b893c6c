"""The units of numbers: of time, of mass, length, data …; what each is in the unit it is kept in.

`UNITS` maps a spelling in lower case to (kept in, factor). Durations are kept in seconds, months
or working days, since a month is no number of days.
"""

import re
from decimal import Decimal
from typing import NamedTuple


class Unit(NamedTuple):
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
AFTER = re.compile(
    rf"[ -]?(?:(?P<phrase>{'|'.join(f'({phrase})' for phrase in PHRASES)})"
    rf"|{BETWEEN}(?P<word>{'|'.join(map(re.escape, SPELLINGS))})[s']?)(?!\w)",
    re.IGNORECASE,
)
PHRASE_UNITS = tuple(PHRASES.values())
DURATIONS_KEPT_IN = frozenset(["s", "months", "working days"])


def unit_after(text: str, at: int) -> Unit | None:
    """The unit that follows the number which ends at `at`."""
    match = AFTER.match(text, at)
    if not match:
        return None
    if match["phrase"]:
        groups = match.groups()[1 : 1 + len(PHRASE_UNITS)]
        kept_in, factor = next(u for u, g in zip(PHRASE_UNITS, groups, strict=True) if g)
    else:
        kept_in, factor = KEPT[match["word"].lower()]
    return Unit(kept_in, Decimal(factor), match.end())
