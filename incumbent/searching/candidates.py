"""The training rows that may be selected, those that stay in any case, and random draws."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.curation_settings import CurateParams
from project.canonical import digest_folder, digest_json
from project.errors import InputError
from project.paths import CURATED, DATASET, TOKENS, rows_of
from project.records.data import DatasetVersion, Row, Split, TokenCount
from project.settings import PARAMS, load


@dataclass(frozen=True)
class Candidates:
    rows: tuple[Row, ...]  # that are ranked
    kept: tuple[Row, ...]  # rehearsed rows, and those that people accepted: trained on in any case
    counts: dict[str, TokenCount]  # by the row's id
    dataset: DatasetVersion

    def answer_tokens(self) -> list[int]:
        return [self.counts[row.id].completion for row in self.rows]


def read_candidates() -> Candidates:
    """Of the curated dataset as the last run left it; eval items are not read.

    Raises InputError where it is not there, not the one that the gate let through, or a selection
    already: its rows cannot say what was left out.
    """
    if load(CurateParams).selection:
        problem = "the training rows are a selection: take this line out, and run `dvc repro` first"
        raise InputError(problem, file=PARAMS, field="curation.curate.selection")
    return read_training_rows()


def read_training_rows(limit: int | None = None) -> Candidates:
    """The same, a selection or not: the first ones up to a limit, as training takes them."""
    params, dataset = load(CurateParams), gated_dataset()
    rows = Row.read_lines(rows_of(Split.TRAIN))[:limit]
    aside = {*params.train_only, *params.accepted}
    return Candidates(
        rows=tuple(row for row in rows if row.source not in aside),
        kept=tuple(row for row in rows if row.source in aside),
        counts={count.row: count for count in TokenCount.read_lines(TOKENS)},
        dataset=dataset,
    )


def gated_dataset() -> DatasetVersion:
    """Raises InputError where there is none, or the curated rows are not those of the gate."""
    if not DATASET.exists():
        raise InputError("nothing is curated yet: run `dvc repro` first", file=DATASET)
    dataset = DatasetVersion.read(DATASET)
    if digest_folder(CURATED) != dataset.rows:
        raise InputError("is about other rows: run `dvc repro` first", file=DATASET)
    return dataset


def draw_rows(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """Draw so many of the rows at random, as a function of their ids and the seed."""
    return sorted(rows, key=lambda row: digest_json(["drawn", seed, row.id]))[:count]
