"""The columns that a contract may speak of, computed from the rows before any check runs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

import pandas as pd

from curation.checks.embeddings import Looked, look
from curation.checks.meaning import BY_MEANING, columns_by_meaning
from curation.checks.relevance import CheckReferences
from curation.checks.repeats import (
    NONE,
    RowTexts,
    conflicts,
    duplicate_ids,
    label_conflicts,
    near_duplicates,
    odd_formats,
    odd_lengths,
    repeats,
)
from curation.faults.every_fault import (
    FAULTS,
    answer_language,
    faults_for,
    find_all,
    other_language,
    prompt_language,
)
from curation.faults.private_data import Finder, personal_data
from project.records.data import Row, Split

# --- row columns ----------------------------------------------------------------------------------

# What is found from all rows, or from their words alone.
FROM_ALL: dict[str, Callable[[RowTexts], list[str]]] = {
    "duplicate_id": duplicate_ids,
    "repeat": repeats,
    "near_duplicate": near_duplicates,
    "conflict": conflicts,
    "label_conflict": label_conflicts,
    "odd_format": odd_formats,
    "length": odd_lengths,
}
# By which the rows are told that are in another language than the others.
LANGUAGES: dict[str, Finder] = {
    "prompt_language": prompt_language,
    "answer_language": answer_language,
}
EXAMINED = ("leak", "contaminated")  # by words of every row, by meaning of a sample
# Columns that say what is wrong with a row in words of ours, which may stand in a report.
TOLD = frozenset(
    {*FAULTS, *FROM_ALL, *BY_MEANING, *EXAMINED}
    | {"other_language", "personal_data", "too_long", "conflict_refused"}
)


def texts_of(parts: Mapping[Split, Sequence[Row]]) -> RowTexts:
    placed = [(row, split) for split, rows in parts.items() for row in rows]
    return RowTexts([row for row, _ in placed], [split.value for _, split in placed])


def looked_at(texts: RowTexts, compared: CheckReferences) -> Looked | None:
    """The sample that the embedder looks at; None without an embedder, or without rows."""
    if compared.embed is None or not compared.embedded_rows or not texts.rows:
        return None
    return look(texts.rows, texts.splits, compared.embed, compared.embedded_rows, compared.seed)


def row_table(texts: RowTexts, looked: Looked | None, compared: CheckReferences) -> pd.DataFrame:
    table = plain_columns(texts)
    too_long = "longer than base.max_length"
    table["too_long"] = refusal_reasons(table["id"], compared.too_long, too_long)
    why = "another answer to the prompt"
    table["conflict_refused"] = refusal_reasons(table["id"], compared.conflicting, why)
    # What is found from one row alone, and what follows from the languages of all.
    own: dict[str, Finder] = {"personal_data": partial(personal_data, ours=compared.ours)}
    found = find_all(texts.rows, own | faults_for(compared.ours) | LANGUAGES)
    spoken = [found.pop(name) for name in LANGUAGES]
    found["other_language"] = other_language(texts.rows, *spoken)
    columns: dict[str, Sequence[str | None]] = {}
    columns |= {name: [one or NONE for one in every] for name, every in found.items()}
    columns |= {name: find(texts) for name, find in FROM_ALL.items()}
    columns |= columns_by_meaning(texts, looked, compared)
    return pd.concat([table, pd.DataFrame(columns, dtype=object)], axis=1)


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
    # Several scenarios may begin alike; whether training asks what they do is `leak`'s to say.
    asked = [f"{row.prompt_text}{row.scenario and row.scenario.digest}" for row in texts.rows]
    table["splits_of_prompt"] = table["split"].groupby(asked).transform("nunique")
    return table


def refusal_reasons(ids: Iterable[str], refused: Collection[str], why: str) -> list[str]:
    return [why if name in refused else NONE for name in ids]
