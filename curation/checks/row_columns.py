"""The columns that a contract may speak of, computed from the rows before any check runs."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from project.records.data import Row, Split

PERSONAL = {
    "e-mail address": re.compile(r"\b[\w.+-]+@[\w-]+\.[a-z]{2,}\b", re.IGNORECASE),
    "IBAN": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "card number": re.compile(r"\b(?:\d[ -]?){13,19}\b"),
    "phone number": re.compile(r"\+\d{1,3}(?:[ -]?\d{2,4}){3,5}\b"),
}
BOILERPLATE = re.compile(
    r"^(as an ai\b|i'm sorry, but|sure[,!]|certainly[,!]|of course[,!]|lorem ipsum|todo\b|tbd\b)",
    re.IGNORECASE,
)
NONE = "none"


def feature_table(parts: Mapping[Split, Sequence[Row]]) -> pd.DataFrame:
    """One line a row, in file order, all parts together."""
    table = pd.DataFrame(
        [features(row, split) for split, rows in parts.items() for row in rows],
        columns=["id", "split", "group", "source", "prompt", "completion"],
    )
    for name in ("prompt", "completion"):
        table[f"{name}_chars"] = [len(text.strip()) for text in table[name]]
        table[f"{name}_words"] = [len(text.split()) for text in table[name]]
    table["splits_of_group"] = table.groupby("group")["split"].transform("nunique")
    table["splits_of_prompt"] = table.groupby("prompt")["split"].transform("nunique")
    table["personal_data"] = [
        personal_data(f"{p}\n{c}")
        for p, c in zip(table["prompt"], table["completion"], strict=True)
    ]
    table["boilerplate"] = [boilerplate(text) for text in table["completion"]]
    return table


def features(row: Row, split: Split) -> dict[str, str]:
    return {
        "id": row.id,
        "split": split.value,
        "group": row.group,
        "source": row.source,
        "prompt": row.prompt_text,
        "completion": row.completion_text,
    }


def personal_data(text: str) -> str:
    """The kind of personal data found first, or "none". Card numbers must pass the Luhn check."""
    for kind, pattern in PERSONAL.items():
        for match in pattern.finditer(text):
            if kind != "card number" or luhn(match.group()):
                return kind
    return NONE


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(digit) for digit in number if digit.isdigit()][::-1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def boilerplate(text: str) -> str:
    match = BOILERPLATE.match(text.strip())
    return match.group().lower() if match else NONE
