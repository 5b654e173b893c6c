"""A search over settings of training: each trial an adapter that is trained aside, held to dev."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generation.answers import versions
from evaluation.scoring.scorers import scorers_digest
from incumbent.searching.compare_on_dev import (
    LOSS,
    Aside,
    Measure,
    aside_here,
    dev_items,
    measure_by,
    train_aside,
)
from incumbent.searching.pace import LOADING, SftSettings, gated_dataset, load_sft_settings, pace
from incumbent.searching.search_result import SearchResult, result_of
from incumbent.searching.search_settings import (
    SearchParams,
    Trial,
    mean_of,
    refuse_other_shapes,
    value_of,
    with_values,
)
from project.canonical import digest_folder, digest_json
from project.files import home
from project.paths import EMBEDDER, rows_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.records.record import Digest
from project.records.scores import Better
from project.settings import load
from training.rows.experience_replay import rows_to_learn
from training.start_record import START_FILE, TrainingStart


@dataclass(frozen=True)
class Tuning:
    """All that a search hangs on, but for how many trials it makes."""

    params: SearchParams
    settings: SftSettings  # the project's own
    aside: Aside
    rows: Sequence[Row]  # all training rows
    items: Sequence[Row]  # dev

    @classmethod
    def here(cls, params: SearchParams) -> Self:
        """The project's search. Raises InputError where there is nothing to search on, or by."""
        settings, aside = load_sft_settings(), aside_here(from_champion=True)
        refuse_other_shapes(list(params.ranges), aside.earlier)
        gated_dataset()
        return cls(params, settings, aside, Row.read_lines(rows_of(Split.TRAIN)), dev_items())

    @cached_property
    def measured_by(self) -> tuple[Measure, Better]:
        return measure_by(self.params.metric, self.items, self.aside)

    @property
    def better(self) -> Better:
        return self.measured_by[1]

    @property
    def own(self) -> dict[str, Any]:
        """The project's own values of what is tried."""
        return {key: value_of(self.settings, key) for key in self.params.ranges}

    @property
    def folder(self) -> Path:
        return home() / "search" / self.key[:16]

    @property
    def key(self) -> Digest:
        """The digest of all that decides what is tried and what dev says: equal searches go on."""
        earlier, metric = self.aside.earlier.folder, self.params.metric
        by = [load(Decoding).digest, scorers_digest(load(ScoringParams))]
        return digest_json(
            [
                self.params.model_dump(mode="json", exclude={"trials", "minutes"}),
                [self.settings.adapter.digest, self.settings.sft.digest],
                [self.aside.base.digest, self.aside.numerics.digest],
                earlier and digest_folder(earlier),
                [digest_json([row.digest for row in rows]) for rows in (self.rows, self.items)],
                [] if metric == LOSS else [*by, ModelPin.read(EMBEDDER).digest],
                [*versions(), f"optuna {version('optuna')}"],
            ]
        )

    def objective(self, values: Mapping[str, Any]) -> tuple[float, ...]:
        """What each dev item gets from an adapter that is trained with these values."""
        settings = with_values(self.settings, values)
        folder = train_aside(self.learnt(settings), self.aside, settings)
        return self.measured_by[0](folder)

    def learnt(self, settings: SftSettings) -> Sequence[Row]:
        """The rows that step `sft` learns under these settings."""
        rows = self.rows[: settings.sft.rows]
        if not self.aside.earlier.start:
            return rows
        return rows_to_learn(
            rows, TrainingStart.read(START_FILE), settings.sft, settings.adapter.seed
        )

    def result(self, trials: Sequence[Trial]) -> SearchResult:
        return result_of(
            trials,
            [row.group for row in self.items],
            metric=self.params.metric,
            better=self.better,
            wanted=self.params.trials,
            own=self.own,
        )

    def expected(self, trials: int) -> float | None:
        """Minutes of so many trials, with as many epochs as are tried on average."""
        found, epochs = pace(self.aside.numerics), self.params.ranges.get("sft.epochs")
        settings = self.settings
        if epochs:
            settings = with_values(settings, {"sft.epochs": mean_of(epochs)})
        if found is None:
            return None
        learning = found.learning(self.learnt(settings), settings)
        by_loss = self.params.metric == LOSS
        asked = found.reading(self.items) if by_loss else found.answering(self.items)
        return trials * (learning + asked + LOADING)
