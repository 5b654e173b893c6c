"""The tables that a contract's expectations are about: rows, slices, and the dataset as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from curation.checks.columns.row_texts import RowTexts
from curation.checks.compared import Compared
from curation.checks.dataset_measures import BY_MEANING as MEASURED_BY_MEANING
from curation.checks.dataset_measures import dataset_table, slice_table
from curation.checks.embeddings import Looked
from curation.checks.row_columns import BY_MEANING, EXAMINED, looked_at, row_table, texts_of
from project.records.data import Row, Split, counted

OF_SAMPLE = (*MEASURED_BY_MEANING, "off_topic_share", "disagreement_share")
# Why a measure of the dataset is missing though an embedder was there.
UNMEASURED = {
    "shift": "no last version to compare with",
    "gold_share": "no gold rows: `gold` in the contract names a file with ten or more",
    "task_share": "no `task` in the contract in the language of the rows",
    "answer_fit": "too few answers of more than two words that few rows share, or all of one kind",
}
# Then what most are about is the task, whatever it is.
BY_OTHERS = "held against the other rows, as the contract names no task and no gold rows"


@dataclass(frozen=True)
class Tables:
    """Each with a column `id`. `notes` say by column what stands behind what was observed."""

    rows: pd.DataFrame
    slices: pd.DataFrame
    dataset: pd.DataFrame
    notes: Mapping[str, str] = field(default_factory=dict)


def tables_of(parts: Mapping[Split, Sequence[Row]], compared: Compared) -> Tables:
    texts = texts_of(parts)
    looked = looked_at(texts, compared)
    rows = row_table(texts, looked, compared)
    dataset = dataset_table(texts, rows, looked, compared)
    unknown = {name: why for name, why in UNMEASURED.items() if dataset[name].isna().all()}
    held = {"shift": f"held against {compared.version}"} if compared.version else {}
    alone = {} if compared.gold or compared.task else {"off_topic": BY_OTHERS}
    return Tables(
        rows=rows,
        slices=slice_table(texts),
        dataset=dataset,
        notes=held | alone | unknown | notes(texts, looked),
    )


def notes(texts: RowTexts, looked: Looked | None) -> dict[str, str]:
    """How many rows the embedder looked at, where that is not all."""
    count = len(texts.rows)
    if looked is None:
        found = dict.fromkeys((*BY_MEANING, *OF_SAMPLE), "not looked at: without an embedder")
        return found | dict.fromkeys(EXAMINED, "by words alone, without an embedder")
    if len(looked.places) == count:
        return {}
    sample = f"on a sample of {len(looked.places):,} of {counted(count, 'row')}"
    found = dict.fromkeys((*BY_MEANING, *OF_SAMPLE), sample)
    return found | dict.fromkeys(EXAMINED, f"by words of all, by meaning {sample}")
