"""Traffic rows as the signals see them."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from monitoring.embeddings import Embeddings
from monitoring.judge import Judge
from monitoring.permutation import Floats, Ints
from monitoring.signals.signal import Batch
from monitoring.surprise import surprise
from registry.artifacts import Artifacts
from registry.records import AdapterVersion, Row, Traffic, short

UNRATED = float("nan")


def batch_of(
    rows: Sequence[Traffic],
    embeddings: Embeddings,
    champion: AdapterVersion,
    artifacts: Artifacts,
    *,
    perplexity_rows: int = 0,
    judge: Judge | None = None,
    judged_rows: int = 0,
) -> Batch:
    """Embed prompts and answers, let the champion read some of the prompts, and a judge some of its
    answers.

    Answers and ratings of another system's answers are left out: they say nothing of the champion.
    """
    prompts = [row.prompt_text for row in rows]
    own = np.array([answered_by(champion, row.adapter) for row in rows], bool)
    answers = embeddings.encode([row.response for row in rows])
    return Batch(
        prompts=prompts,
        vectors=embeddings.encode(prompts),
        responses=[row.response for row in rows],
        response_vectors=np.where(own[:, None], answers, np.float32(np.nan)),
        ratings=np.where(own, ratings_of(rows), np.float32(np.nan)),
        surprise=some_read(prompts, champion, artifacts, perplexity_rows),
        scores=some_judged(rows, own, judge, judged_rows),
    )


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


def some_read(
    prompts: Sequence[str], champion: AdapterVersion, artifacts: Artifacts, most: int
) -> Floats | None:
    """The champion's surprise at so many prompts, spread evenly; NaN for the others [n]."""
    if not most or not prompts:
        return None
    read = evenly(np.arange(len(prompts)), most)
    values = np.full(len(prompts), np.nan, np.float32)
    values[read] = surprise(champion, artifacts, [prompts[i] for i in read.tolist()])
    return values


def some_judged(
    rows: Sequence[Traffic], own: NDArray[np.bool_], judge: Judge | None, most: int
) -> Floats | None:
    """The rewards of so many of the champion's own answers; NaN for the others [n]."""
    judged = evenly(np.flatnonzero(own), most)
    if judge is None or not len(judged):
        return None
    values = np.full(len(rows), np.nan, np.float32)
    values[judged] = judge.rewards([rows[i] for i in judged.tolist()])
    return values


def evenly(numbers: Ints, most: int) -> Ints:
    """So many of them, from all over."""
    places = np.linspace(0, len(numbers) - 1, min(most, len(numbers))).astype(int)
    found: Ints = numbers[places]
    return found


def users_of(rows: Sequence[Traffic]) -> list[str]:
    """Whose rows they are: one without a user is by somebody who does not come back."""
    return [row.user or f"\0{row.id}" for row in rows]


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
