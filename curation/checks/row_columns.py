"""The columns that a contract may speak of, computed from the rows before any check runs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from curation.checks.columns.conflicts import conflicts, label_conflicts
from curation.checks.columns.formats import odd_formats
from curation.checks.columns.languages import other_languages
from curation.checks.columns.leaks import contaminated, eval_prompts, leaks
from curation.checks.columns.lengths import odd_lengths
from curation.checks.columns.meaning import (
    SAME_TASK,
    disagreements,
    off_topics,
    reworded,
    semantic_duplicates,
)
from curation.checks.columns.repeats import NONE, duplicate_ids, near_duplicates, repeats
from curation.checks.columns.row_texts import RowTexts
from curation.checks.compared import ALONE, NOTHING, Compared, Refused
from curation.checks.embeddings import Looked, look
from curation.faults.every_fault import FAULTS, faults_for
from project.contacts import NO_CONTACTS, Contacts
from project.personal_data import found
from project.records.data import Row, Split

# What is found from all rows, or from their words alone.
FROM_ALL: dict[str, Callable[[RowTexts], list[str]]] = {
    "duplicate_id": duplicate_ids,
    "repeat": repeats,
    "near_duplicate": near_duplicates,
    "conflict": conflicts,
    "label_conflict": label_conflicts,
    "odd_format": odd_formats,
    "length": odd_lengths,
    "other_language": other_languages,
}
# What an embedder tells, of the rows that it looked at.
BY_MEANING = ("semantic_duplicate", "off_topic", "disagreement")
EXAMINED = ("leak", "contaminated")  # by words of every row, by meaning of a sample
# Columns that say what is wrong with a row in words of ours, which may stand in a report.
TOLD = frozenset(
    {*FAULTS, *FROM_ALL, *BY_MEANING, *EXAMINED}
    | {"personal_data", "too_long", "conflict_refused"}
)


def feature_table(
    parts: Mapping[Split, Sequence[Row]],
    ours: Contacts = NO_CONTACTS,
    refused: Refused = NOTHING,
    compared: Compared = ALONE,
) -> pd.DataFrame:
    """One line a row, in file order, all parts together. `ours` is no personal data."""
    texts = texts_of(parts)
    return row_table(
        texts, looked_at(texts, compared), replace(compared, ours=ours, refused=refused)
    )


def texts_of(parts: Mapping[Split, Sequence[Row]]) -> RowTexts:
    placed = [(row, split) for split, rows in parts.items() for row in rows]
    return RowTexts([row for row, _ in placed], [split.value for _, split in placed])


def looked_at(texts: RowTexts, compared: Compared) -> Looked | None:
    """The sample that the embedder looks at; None without an embedder, or without rows."""
    if compared.embed is None or not compared.embedded_rows or not texts.rows:
        return None
    return look(texts.rows, texts.splits, compared.embed, compared.embedded_rows, compared.seed)


def row_table(texts: RowTexts, looked: Looked | None, compared: Compared) -> pd.DataFrame:
    table = plain_columns(texts)
    refused = compared.refused
    table["too_long"] = told(table["id"], refused.too_long, "longer than base.max_length")
    why = "another answer to the prompt"
    table["conflict_refused"] = told(table["id"], refused.conflicting, why)
    columns: dict[str, Sequence[str | None]] = {
        "personal_data": [
            personal_data(f"{p}\n{c}", compared.ours)
            for p, c in zip(texts.prompts, texts.completions, strict=True)
        ],
    }
    faults = faults_for(compared.ours)
    columns |= {name: [find(row) or NONE for row in texts.rows] for name, find in faults.items()}
    columns |= {name: find(texts) for name, find in FROM_ALL.items()}
    columns |= by_meaning(texts, looked, compared)
    return pd.concat([table, pd.DataFrame(columns, dtype=object)], axis=1)


def by_meaning(
    texts: RowTexts, looked: Looked | None, compared: Compared
) -> dict[str, Sequence[str | None]]:
    """What an embedder tells, and nothing where there is none; leaks are told by words too."""
    evals = [*compared.evals, *eval_prompts(texts)]
    general = compared.general
    if looked is None:
        return {
            "leak": leaks(texts, evals),
            "contaminated": contaminated(texts, general),
        } | {name: [None] * len(texts.rows) for name in BY_MEANING}
    return {
        "leak": leaks(texts, evals, reworded(texts, looked, evals)),
        "contaminated": contaminated(texts, general, reworded(texts, looked, general, SAME_TASK)),
        "semantic_duplicate": semantic_duplicates(texts, looked),
        "off_topic": off_topics(texts, looked, compared.task),
        "disagreement": disagreements(texts, looked),
    }


def plain_columns(texts: RowTexts) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "id": [row.id for row in texts.rows],
            "split": list(texts.splits),
            "group": [row.group for row in texts.rows],
            "source": [row.source for row in texts.rows],
            "prompt": texts.prompts,
            "completion": texts.completions,
        },
        dtype=object,
    )
    for name in ("prompt", "completion"):
        table[f"{name}_chars"] = [len(text.strip()) for text in table[name]]
        table[f"{name}_words"] = [len(text.split()) for text in table[name]]
    table["splits_of_group"] = table.groupby("group")["split"].transform("nunique")
    table["splits_of_prompt"] = table.groupby("prompt")["split"].transform("nunique")
    return table


def told(ids: Iterable[str], refused: Collection[str], why: str) -> list[str]:
    return [why if name in refused else NONE for name in ids]


def personal_data(text: str, ours: Contacts = NO_CONTACTS) -> str:
    """The kind of personal data found first, or "none"."""
    return next((str(one.kind) for one in found(text, ours)), NONE)
