"""The rows on the topics that grew: how the champion does there, and what people wrote about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.reference_store import References
from monitoring.drift.topic_attribution import Attribution
from monitoring.features.prompt_surprise import surprise_so_far
from monitoring.features.signal_inputs import ratings_of, watched_prompts
from monitoring.night_context import NightContext
from monitoring.signals.array_types import Floats
from monitoring.signals.feedback import Ratings
from monitoring.signals.prompt_perplexity import PromptPerplexity
from monitoring.signals.signal import Batch, distance
from monitoring.signals.topics import Topics
from monitoring.trigger.labels import corrected
from project.records.adapters import AdapterVersion
from project.records.data import Row
from project.records.traffic import Traffic

T = TypeVar("T")
Asked = TypeVar("Asked", Traffic, Row)

RATED = 10  # answers on the drifted topics from which their ratings say something
LONGEST = timedelta(days=28)  # what is older than that is no news


@dataclass(frozen=True)
class DriftedRows:
    context: NightContext
    references: References
    found: Attribution
    champion: AdapterVersion

    def of(self, batch: Batch) -> NDArray[np.bool_]:
        """Which rows are on a topic that grew [n]."""
        topics = self.signal(Topics)
        if topics is None or not self.found.grown:
            return np.zeros(len(batch), bool)
        return np.isin(topics.labels(batch), self.found.grown)

    def rows(self, since: date, day: date) -> list[Traffic]:
        """One row of each user and day since then: on those topics, or all where none grew."""
        sample, _ = self.context.sample(self.days(since, day), self.context.drift.sample)
        return self.on_topic(sample.finish())

    def on_topic(self, rows: Sequence[Asked]) -> list[Asked]:
        """The rows on the topics that grew; all of them where none grew."""
        if not rows or not self.found.grown:
            return list(rows)
        vectors = self.vectors(rows)
        there = self.of(Batch(vectors=vectors))
        return [row for row, is_there in zip(rows, there, strict=True) if is_there]

    def corrected(self, since: date, day: date) -> Iterator[Traffic]:
        """Every row since then whose user wrote the right answer, on whatever topic."""
        for one in self.days(since, day):
            for rows in self.context.traffic.read(one, late=True):
                yield from corrected(rows)

    def strangest_first(self, rows: Sequence[Traffic]) -> list[Traffic]:
        """In the order of their distance to what the reference knows."""
        topics = self.signal(Topics)
        if topics is None or not rows:
            return list(rows)
        vectors = self.vectors(rows)
        order = np.argsort(-distance(vectors, topics.index), kind="stable")
        return [rows[i] for i in order.tolist()]

    def harm(self, rows: Sequence[Traffic]) -> str | None:
        """How it shows that the champion is worse on these rows than it was; None: it does not."""
        return self.rated_worse(rows) or self.surprised(rows)

    # --- one level down -------------------------------------------------------------------------

    def vectors(self, rows: Sequence[Traffic | Row]) -> Floats:
        """Of what is watched of the rows' prompts [n, d]."""
        shared = self.references.prompts.reference.shared
        return self.context.embeddings.encode(watched_prompts(rows, shared))

    def days(self, since: date, day: date) -> list[date]:
        first = max(since, day - LONGEST)
        return [d for d in self.context.traffic.days() if first <= d <= day]

    def rated_worse(self, rows: Sequence[Traffic]) -> str | None:
        # As the reference's: of days on which all ratings that count have come.
        told = [row for row in rows if self.context.settled(row.time.date())]
        usual, ratings = self.signal(Ratings), ratings_of(told)
        rated = ratings[~np.isnan(ratings)]
        if usual is None or len(rated) < RATED:
            return None
        before, now = float(usual.usual[0]), float(rated.mean())
        if now > before - self.context.trigger.harm_rating:
            return None
        return f"the mean rating on the drifted topics is {now:+.2f}, it was {before:+.2f}"

    def surprised(self, rows: Sequence[Traffic]) -> str | None:
        usual = self.signal(PromptPerplexity)
        if usual is None or not rows:
            return None
        shared = self.references.prompts.reference.shared
        # Of what each night read, for its signals: the drifted ones are among it.
        read = surprise_so_far(self.champion, watched_prompts(rows, shared))
        nats = read[~np.isnan(read)]
        if len(nats) < RATED:
            return None
        before, now = exp(float(usual.usual[0])), exp(min(float(nats.mean()), 50.0))
        if now < before * self.context.trigger.harm_perplexity:
            return None
        return (
            f"the champion's perplexity on the drifted topics is {now:.0f}, usual is {before:.0f}"
        )

    def signal(self, kind: type[T]) -> T | None:
        return next((s for s in self.references.signals if isinstance(s, kind)), None)
