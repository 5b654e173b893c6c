"""The columns that a contract may speak of, computed from the rows before any check runs."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from project.contacts import NO_CONTACTS, Contacts
from project.personal_data import found
from project.records.data import Row, Split

BOILERPLATE = re.compile(
    r"^(as an ai\b|i'm sorry, but|sure[,!]|certainly[,!]|of course[,!]|lorem ipsum|todo\b|tbd\b)",
    re.IGNORECASE,
)
NONE = "none"
# Columns that say what is wrong with a row in words of ours, which may stand in a report.
TOLD = ("personal_data", "boilerplate", "too_long", "conflict")


@dataclass(frozen=True)
class Refused:
    """What the policies of stage `curate` leave to the gate: ids of rows."""

    too_long: frozenset[str] = frozenset()
    conflicting: frozenset[str] = frozenset()


NOTHING = Refused()


def feature_table(
    parts: Mapping[Split, Sequence[Row]],
    ours: Contacts = NO_CONTACTS,
    refused: Refused = NOTHING,
) -> pd.DataFrame:
    """One line a row, in file order, all parts together. `ours` is no personal data."""
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
        personal_data(f"{p}\n{c}", ours)
        for p, c in zip(table["prompt"], table["completion"], strict=True)
    ]
    table["boilerplate"] = [boilerplate(text) for text in table["completion"]]
    table["too_long"] = told(table["id"], refused.too_long, "longer than base.max_length")
    table["conflict"] = told(table["id"], refused.conflicting, "another answer to the prompt")
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


def told(ids: Iterable[str], refused: Collection[str], why: str) -> list[str]:
    return [why if name in refused else NONE for name in ids]


def personal_data(text: str, ours: Contacts = NO_CONTACTS) -> str:
    """The kind of personal data found first, or "none"."""
    return next((str(one.kind) for one in found(text, ours)), NONE)


def boilerplate(text: str) -> str:
    match = BOILERPLATE.match(text.strip())
    return match.group().lower() if match else NONE
