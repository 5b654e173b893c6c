"""Amounts of money: which currency a number is in, by what stands before or after it."""

import re
from decimal import Decimal
from typing import NamedTuple

from evaluation.metrics.facts.listed import listed

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
BEFORE = re.compile(rf"(?:(?<![A-Za-z])({SIGN})|\b({CODE})) {{0,2}}$", re.IGNORECASE)
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
    before = BEFORE.search(text, max(0, start - 6), start)
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
        return money_before(text, before, end, size)
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


def money_before(text: str, before: re.Match[str], end: int, size: Decimal) -> Money:
    currency = CURRENCY_OF[before[1].lower()] if before[1] else before[2].upper()
    after = AFTER.match(text, end)
    if after and currency in currency_after(after)[0]:  # US$20 USD
        end = after.end()
    if tail := END.match(text, end):
        end = tail.end()
    return Money(currency, before.start(), end, size)


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
