"""The tables that a contract's expectations are about: rows, slices, and the dataset as a whole.

All of their columns are computed before any check runs.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import pandas as pd

from curation.checks.dataset_measures import BY_MEANING as MEASURED_BY_MEANING
from curation.checks.dataset_measures import dataset_table, share, slice_table
from curation.checks.embeddings import Looked, look
from curation.checks.meaning import BY_MEANING, columns_by_meaning
from curation.checks.relevance import CheckReferences
from curation.checks.repeats import (
    NONE,
    RowTexts,
    again,
    conflicts,
    duplicate_ids,
    label_conflicts,
    near_duplicates,
    odd_formats,
    odd_lengths,
    reasons_where,
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
from curation.text_forms import key
from project.records.data import Document, Message, Row, Split, counted
from project.records.preferences import PreferencePair, RatedAnswer

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
    finders: dict[str, Finder] = {"personal_data": partial(personal_data, ours=compared.ours)}
    faults = find_all(texts.rows, finders | faults_for(compared.ours) | LANGUAGES)
    spoken = [faults.pop(name) for name in LANGUAGES]
    faults["other_language"] = other_language(texts.rows, *spoken)
    columns: dict[str, Sequence[str | None]] = {}
    columns |= {name: [fault or NONE for fault in every] for name, every in faults.items()}
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


# --- tables ---------------------------------------------------------------------------------------

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


def tables_of(parts: Mapping[Split, Sequence[Row]], compared: CheckReferences) -> Tables:
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
        noted = dict.fromkeys((*BY_MEANING, *OF_SAMPLE), "not looked at: without an embedder")
        return noted | dict.fromkeys(EXAMINED, "by words alone, without an embedder")
    if len(looked.places) == count:
        return {}
    sample = f"on a sample of {len(looked.places):,} of {counted(count, 'row')}"
    noted = dict.fromkeys((*BY_MEANING, *OF_SAMPLE), sample)
    return noted | dict.fromkeys(EXAMINED, f"by words of all, by meaning {sample}")


# --- text tables ----------------------------------------------------------------------------------

# The tables of documents: texts to adapt a model to a domain with, which ask nothing.


def text_tables(
    documents: Sequence[Document], ids: Sequence[str], compared: CheckReferences
) -> Tables:
    """A text is the answer to no question, so what compares questions says nothing of it."""
    rows = [document_row(document, name) for document, name in zip(documents, ids, strict=True)]
    return tables_of({Split.TRAIN: rows}, replace(compared, evals=()))


def document_row(document: Document, name: str) -> Row:
    return Row(
        id=name,
        prompt=(Message(role="user", content=""),),
        completion=(Message(role="assistant", content=document.text),),
        group=name,
        source=document.source,
    )


# --- preference tables ----------------------------------------------------------------------------

# The tables of what people said of answers: pairs of a better and a worse one, and ratings.

# What no answer may hold, not even one that is shown as a bad one.
PRIVATE = ("account_data", "contact_data", "person_name", "secret")


class PreferenceRow(NamedTuple):
    """A prompt with the answer that is good, and the one that is bad, as far as they are known."""

    id: str
    source: str
    prompt: str
    good: str | None
    bad: str | None

    @property
    def is_pair(self) -> bool:
        return self.good is not None and self.bad is not None


def preference_tables(made: Sequence[tuple[str, object]], compared: CheckReferences) -> Tables:
    """A row's answer is the good one, or the bad one where there is no other."""
    judged = [as_judged(name, record) for name, record in made]
    rows = [as_row(row, row.good if row.good is not None else row.bad) for row in judged]
    tables = tables_of({Split.TRAIN: rows}, compared)
    table = tables.rows.assign(
        repeat=reasons_where(again([keys(row) for row in judged]), "repeats another row"),
        equal_answers=reasons_where(
            [row.is_pair and keys(row)[1] == keys(row)[2] for row in judged],
            "both answers are the same",
        ),
        both_ways=both_ways(judged),
        rejected_empty=[NONE if row.bad is None or row.bad.strip() else EMPTY for row in judged],
    )
    for name in (name for name in PRIVATE if name in FAULTS):
        worse = [FAULTS[name](as_row(row, row.bad)) if row.is_pair else None for row in judged]
        table[name] = [
            fault if fault != NONE else other or NONE
            for fault, other in zip(table[name], worse, strict=True)
        ]
    pairs = [row for row in judged if row.is_pair]
    longer = [len(row.good or "") > len(row.bad or "") for row in pairs]
    dataset = tables.dataset.assign(
        rows=len(judged),  # a good answer may be better than several
        pairs=len(pairs),
        chosen_longer_share=share(longer) if pairs else None,
        good_share=None if pairs else share([row.good is not None for row in judged]),
    )
    measures = ["chosen_longer_share", "good_share"]
    return replace(tables, rows=table, dataset=dataset.astype(dict.fromkeys(measures, float)))


EMPTY = "an empty answer"


def as_judged(name: str, made: object) -> PreferenceRow:
    if isinstance(made, PreferencePair):
        return PreferenceRow(name, made.source or "", made.prompt, made.chosen, made.rejected)
    assert isinstance(made, RatedAnswer)
    good, bad = (made.completion, None) if made.label else (None, made.completion)
    return PreferenceRow(name, made.source or "", made.prompt, good, bad)


def as_row(judged: PreferenceRow, answer: str | None) -> Row:
    row = Row.of(judged.prompt, answer or "", group=judged.id, source=judged.source)
    return row.model_copy(update={"id": judged.id})


def keys(judged: PreferenceRow) -> tuple[str | None, ...]:
    texts = (judged.prompt, judged.good, judged.bad)
    return tuple(None if text is None else key(text) for text in texts)


def both_ways(judged: Sequence[PreferenceRow]) -> list[str]:
    """The rows of which another says the contrary: the pair the other way round, or the same answer
    to the same prompt, once good and once bad.
    """
    good: defaultdict[object, set[str | None]] = defaultdict(set)
    pairs = {keys(row) for row in judged if row.is_pair}
    for preference in judged:
        if not preference.is_pair:
            prompt, liked, disliked = keys(preference)
            good[prompt, liked if liked is not None else disliked].add(
                "good" if liked is not None else "bad"
            )
    return reasons_where(
        [contradicted(row, pairs, good) for row in judged], "another row says the contrary"
    )


def contradicted(
    judged: PreferenceRow,
    pairs: "set[tuple[str | None, ...]]",
    answers_given: "defaultdict[object, set[str | None]]",
) -> bool:
    prompt, good, bad = keys(judged)
    if judged.is_pair:
        return good != bad and (prompt, bad, good) in pairs
    return len(answers_given[prompt, good if good is not None else bad]) > 1
