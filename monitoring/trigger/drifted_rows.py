"""The rows on the topics that grew: how the champion does there, and what people wrote about it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import exp
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from curation.eval_sets import EVAL_SETS, Extension, read_changes
from evaluation.preference.preference_pairs import PREFERENCES
from monitoring.drift.answer_attribution import RATED, furthest_first, rating_shift
from monitoring.drift.reference_store import References
from monitoring.night_context import USERS_A_NIGHT, NightContext
from monitoring.night_history import check_job
from monitoring.scheduling.runs import runs_between
from monitoring.signals.prompt_signals import PromptPerplexity, Topics
from monitoring.signals.prompt_surprise import surprise_so_far
from monitoring.signals.signal import Batch, Floats, distance
from monitoring.signals.signal_inputs import watched_prompts
from monitoring.trigger.acceptance import accepted_rows
from monitoring.trigger.labels import LABELLED, corrected, pseudonym_of
from project.canonical import moment_of
from project.records.adapters import AdapterVersion
from project.records.data import Row
from project.records.drift import Action, Night, RatingShift, RetrainOutcome
from project.records.preferences import RatedAnswer, read_preferences
from project.records.traffic import Traffic
from registry.store import Registry

T = TypeVar("T")
Asked = TypeVar("Asked", Traffic, Row)

# Harm is a mean rating, from -1 to 1, that fell by so much and not by chance, or prompts that the
# champion reads with so many times the usual perplexity: less is what topics differ by anyway.
WORSE_RATED, SURPRISED = 0.1, 1.2
NO_HARM = ", which shows no harm"
LONGEST = timedelta(days=28)  # what is older than that is no news


@dataclass(frozen=True)
class DriftedRows:
    context: NightContext
    references: References
    grown: tuple[int, ...]  # the topics that grew, as Topics.labels numbers them
    champion: AdapterVersion
    answers: frozenset[str] = frozenset()  # signals of answers that alarm, where none of prompts do

    def of(self, batch: Batch) -> NDArray[np.bool_]:
        """Which rows are on a topic that grew [n]."""
        topics = self.signal(Topics)
        if topics is None or not self.grown:
            return np.zeros(len(batch), bool)
        return np.isin(topics.labels(batch), self.grown)

    def rows(self, since: date, day: date) -> list[Traffic]:
        """One row of each user and day since then: on those topics, or all where none grew."""
        sample, _ = self.context.sample(self.days(since, day), USERS_A_NIGHT)
        return self.on_topic(sample.finish())

    def on_topic(self, rows: Sequence[Asked]) -> list[Asked]:
        """The rows on the topics that grew; all of them where none grew."""
        if not rows or not self.grown:
            return list(rows)
        vectors = self.vectors(rows)
        there = self.of(Batch(vectors=vectors))
        return [row for row, is_there in zip(rows, there, strict=True) if is_there]

    def corrected(self, since: date, day: date) -> Iterator[Traffic]:
        """Every row since then whose user wrote the right answer, on whatever topic."""
        for when in self.days(since, day):
            for rows in self.context.traffic.read(when, late=True):
                yield from corrected(rows)

    def strangest_first(self, rows: Sequence[Traffic]) -> list[Traffic]:
        """The rows by their distance to the reference: of answers where these alone drift."""
        if self.answers:
            return furthest_first(self.context, self.champion, self.references, self.answers, rows)
        topics = self.signal(Topics)
        if topics is None or not rows:
            return list(rows)
        vectors = self.vectors(rows)
        order = np.argsort(-distance(vectors, topics.index), kind="stable")
        return [rows[i] for i in order.tolist()]

    def harm(self, rows: Sequence[Traffic]) -> str | None:
        """How the champion shows to be worse on these rows, or their ratings; None: unknown."""
        answers = self.references.answers
        shift = rating_shift(self.context, answers.reference, rows) if answers else None
        if shift is None:
            return self.surprised(rows)
        worse = is_worse(shift)
        harm = None if worse else self.surprised(rows)
        return harm or f"{shift} {self.where}{'' if worse else NO_HARM}"

    @property
    def where(self) -> str:
        return "on the drifted topics" if self.grown else "since the drift began"

    # --- what is read of the traffic ------------------------------------------------------------

    def vectors(self, rows: Sequence[Traffic | Row]) -> Floats:
        """The vectors of what is watched of the rows' prompts [n, d]."""
        shared = self.references.prompts.reference.shared
        return self.context.embeddings.encode(watched_prompts(rows, shared))

    def days(self, since: date, day: date) -> list[date]:
        first = max(since, day - LONGEST)
        return [d for d in self.context.usual_days() if first <= d <= day]

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
        if now < before * SURPRISED:
            return None
        return f"the champion's perplexity {self.where} is {now:.0f}, usual is {before:.0f}"

    def signal(self, kind: type[T]) -> T | None:
        return next((s for s in self.references.signals if isinstance(s, kind)), None)


def is_worse(shift: RatingShift) -> bool:
    """Whether ratings fell by enough to matter, and by more than chance explains."""
    return shift.now <= shift.before - WORSE_RATED and shift.high < 0


# --- new labels -----------------------------------------------------------------------------------

# The accepted labels that a retrain would learn from for the first time, and that are of use.


def new_labels(drifted: DriftedRows, trusted: Iterable[Traffic], before: Sequence[Night]) -> int:
    """How many rows on the drifted topics somebody accepted, or a trusted user wrote, since the
    last retrain read them.

    Each counts once, however many ask it; and all that one user wrote counts once, but for users
    that the settings trust: one person's view of a topic is no ground for a retrain.
    """
    context = drifted.context
    since = last_read(context.registry, drifted.champion, before)
    accepted = drifted.on_topic(accepted_since(since))
    authors = written_by(context.trigger.trusted)
    voices = {authors.get(row.prompt_text, row.prompt_text) for row in accepted}
    return len(voices | {row.prompt_text for row in drifted.on_topic(list(trusted))})


def last_read(registry: Registry, champion: AdapterVersion, before: Sequence[Night]) -> datetime:
    """When labels were last trained on: by a retrain that ended, or by what made the champion."""
    ended = [night for night in before if is_ended_retrain(night)]
    days = [date.fromisoformat(night.date) for night in ended[-1:]]
    job = check_job(registry.family)
    checks = [run for day in days for run in runs_between(registry.engine, job, day, day)]
    moments = [moment_of(run.ended) for run in checks if run.ended]
    if not any(night.challenger == champion.number for night in ended):
        moments.append(moment_of(champion.at))
    return max(moments, default=moment_of(champion.at))


def is_ended_retrain(night: Night) -> bool:
    """A run that failed has trained nothing on the labels that it read."""
    return night.action is Action.RETRAIN and night.outcome is not RetrainOutcome.FAILED


def after_retrain(before: Sequence[Night]) -> date | None:
    """The day after the last retrain that ended: what was labelled until then, it has seen."""
    retrains = [night for night in before if is_ended_retrain(night)]
    return date.fromisoformat(retrains[-1].date) + timedelta(days=1) if retrains else None


def accepted_since(since: datetime) -> list[Row]:
    """The labelled rows that somebody accepted then or later, for the first time."""
    known: set[str] = set()
    for change in read_changes(EVAL_SETS).values():
        if isinstance(change, Extension) and moment_of(change.at) < since:
            known.update(change.rows)
    return [row for row in accepted_rows() if row.id not in known]


def written_by(trusted: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Whose correction was accepted for a prompt, but for those of trusted users."""
    path = PREFERENCES / LABELLED.name
    names = {pseudonym_of(name) for name in trusted}
    rated = read_preferences(path) if path.exists() else ()
    return {
        answer.prompt: ("user", answer.annotator)
        for answer in rated
        if isinstance(answer, RatedAnswer) and answer.annotator and answer.annotator not in names
    }
