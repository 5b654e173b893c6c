"""Traffic rows as the signals see them."""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from monitoring.features.answer_judge import AnswerJudge
from monitoring.features.embedding_cache import Embeddings
from monitoring.features.prompt_surprise import surprise
from monitoring.signals.array_types import Floats, Ints
from monitoring.signals.signal import Batch
from monitoring.traffic.voices import voice_of
from project.records.adapters import AdapterVersion
from project.records.data import Row
from project.records.record import short
from project.records.traffic import Traffic
from registry.artifacts.artifact_store import Artifacts

UNRATED = float("nan")


def batch_of(
    rows: Sequence[Traffic],
    embeddings: Embeddings,
    champion: AdapterVersion,
    artifacts: Artifacts,
    *,
    answers: bool = True,
    perplexity_rows: int = 0,
    judge: AnswerJudge | None = None,
    judged_rows: int = 0,
) -> Batch:
    """Embed prompts and answers, let the champion read some of the prompts, and a judge some of its
    answers.

    Answers and ratings of another system's answers are left out: they say nothing of the champion.
    """
    prompts, responses = [row.prompt_text for row in rows], [row.response for row in rows]
    own = np.array([answered_by(champion, row.adapter) for row in rows], bool)

    def read(some: list[int]) -> Floats:
        return surprise(champion, artifacts, [prompts[i] for i in some])

    def judged(some: list[int]) -> Floats:
        assert judge is not None
        return judge.rewards([rows[i] for i in some])

    every, most_judged = np.arange(len(rows)), judged_rows if judge else 0
    return Batch(
        prompts=prompts,
        vectors=embeddings.encode(prompts),
        responses=responses if answers else None,
        response_vectors=only(own[:, None], embeddings.encode(responses)) if answers else None,
        ratings=only(own, ratings_of(rows)),
        surprise=of_some(every, perplexity_rows, len(rows), read),
        scores=of_some(np.flatnonzero(own), most_judged, len(rows), judged),
    )


def only(there: NDArray[np.bool_], values: Floats) -> Floats:
    """The values that are there, NaN for the others."""
    return np.where(there, values, np.float32(np.nan))


def answered_by(champion: AdapterVersion, adapter: str | None) -> bool:
    """Whether a log's word for an adapter means the champion: its digest or the first digits of it,
    its label, or none, where a log speaks of one adapter only.
    """
    if adapter is None or adapter == champion.label:
        return True
    digest = champion.adapter.files
    return digest.startswith(adapter) and len(adapter) >= len(short(digest))


def ratings_of(rows: Sequence[Traffic]) -> Floats:
    return np.array([row.feedback.rating if row.feedback else UNRATED for row in rows], np.float32)


def of_some(
    rows: Ints, most: int, count: int, values_of: Callable[[list[int]], Floats]
) -> Floats | None:
    """Values of so many of these rows, from all over; NaN for all others [count]."""
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)
    if not len(places):
        return None
    values, chosen = np.full(count, np.nan, np.float32), rows[places]
    values[chosen] = values_of(chosen.tolist())
    return values


def users_of(rows: Sequence[Traffic]) -> list[str]:
    """Whose rows they are: one without a user is by somebody who does not come back."""
    return [voice_of(row) for row in rows]


def times_of(rows: Sequence[Traffic]) -> Floats:
    """Hours since Monday, 0:00 UTC [n]."""
    times = (row.time for row in rows)
    hours = [24 * t.weekday() + t.hour + t.minute / 60 + t.second / 3600 for t in times]
    return np.array(hours, np.float32)


def as_traffic(row: Row, day: date) -> Traffic:
    """A training example as if it had been asked on a day, for a reference without traffic."""
    return Traffic(
        id=row.id,
        at=f"{day}T12:00:00Z",
        prompt=row.prompt,
        response=row.completion_text,
        adapter="dataset",
    )
