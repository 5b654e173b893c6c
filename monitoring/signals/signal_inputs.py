"""Traffic rows as the signals see them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import takewhile
from math import inf
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.answer_sentences import AskedOnPassages, abstains, judged_sentences
from monitoring.signals import prompt_surprise
from monitoring.signals.prompt_surprise import surprise
from monitoring.signals.signal import Batch, Floats, Ints, Times
from monitoring.signals.watched_text import NOTHING, SharedText
from monitoring.traffic.voices import asked_text
from project.paths import CALIBRATION, REWARD
from project.records.adapters import AdapterVersion
from project.records.data import Row
from project.records.preferences import Calibration
from project.records.record import short
from project.records.tool_calls import json_object
from project.records.traffic import Traffic
from project.shown_passages import judged_on
from project.written_calls import asks_back, written_calls
from registry.storage.artifact_store import Artifacts
from retrieval import embedder
from retrieval.embedder import Embeddings

if TYPE_CHECKING:
    from evaluation.preference.reward_model import RewardModel


# --- answer judge ---------------------------------------------------------------------------------

# The judge that a reference's answers were judged with: the pipeline's reward model, kept.


class AnswerJudge:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats:
        """The reward of each answer to its prompt; more is better [n]."""
        scores: Floats = self.model.rewards(prompts, answers).numpy().astype(np.float32)
        return scores

    @cached_property
    def model(self) -> "RewardModel":
        # Imported here because a night without answers to judge need not wait for torch.
        from evaluation.preference.reward_model import RewardModel

        return RewardModel(self.folder)


def trained_judge() -> AnswerJudge | None:
    """The pipeline's reward model; None where there is none, or it tells no more than length."""
    if not CALIBRATION.exists() or not list(REWARD.glob("*.safetensors")):
        return None
    return None if Calibration.read(CALIBRATION).advisory else AnswerJudge(REWARD)


# --- signal inputs --------------------------------------------------------------------------------

UNRATED = float("nan")
# Answers of a night that are held against their passages, some milliseconds each: a share of so
# many is known to 0.01.
MOST_GROUNDED = 2000
MONDAY = datetime(2020, 1, 6, tzinfo=UTC)


def batch_of(
    rows: Sequence[Traffic],
    embeddings: Embeddings,
    champion: AdapterVersion,
    artifacts: Artifacts,
    *,
    answers: bool = True,
    perplexity_rows: int = 0,
    perplexity_new: float = inf,
    judge: AnswerJudge | None = None,
    judged_rows: int = 0,
    shared: SharedText = NOTHING,
    settled: Callable[[date], bool] = lambda _: True,
    grounded_rows: int = MOST_GROUNDED,
    phrasings: Sequence[str] = (),
) -> Batch:
    """Embed answers and what is watched of prompts, let the champion read some of the prompts, and
    a judge some of its answers.

    Answers and ratings of another system's answers are left out: they say nothing of the champion.
    """
    prompts, responses = watched_prompts(rows, shared), [row.response for row in rows]
    by_champion = np.array([answered_by(champion, row.adapter) for row in rows], bool)

    # Who rates at once rates otherwise than who comes back for it, and a case that ends soon ends
    # otherwise than one that takes long: of a day, all or none count.
    told = np.array([settled(row.time.date()) for row in rows], bool)

    def read(some: list[int]) -> Floats:
        chosen, stop = [prompts[i] for i in some], embeddings.stop
        return surprise(champion, artifacts, chosen, new=perplexity_new, stop=stop)

    def judged(some: list[int]) -> Floats:
        assert judge is not None
        asked = [judged_on(prompts[i], rows[i].evidence) for i in some]
        return judge.rewards(asked, [responses[i] for i in some])

    def stood(some: list[int]) -> Floats:
        return np.array([on_passages(rows[i], prompts[i], phrasings) for i in some], np.float32)

    # The first, whose order says nothing: a reference meets those again that their nights read.
    first, most_judged = np.arange(min(perplexity_rows, len(rows))), judged_rows if judge else 0
    shown = np.array([answers and bool(row.evidence) for row in rows], bool)
    grounded = np.flatnonzero(by_champion & shown)
    standing = of_some(grounded, grounded_rows, len(rows), stood, columns=2)
    offered = np.flatnonzero(
        by_champion & np.array([answers and bool(row.tools) for row in rows], bool)
    )

    def used(some: list[int]) -> Floats:
        return np.array([tool_use(rows[i]) for i in some], np.float32)

    use = of_some(offered, len(rows), len(rows), used, columns=3)
    batch = Batch(
        prompts=prompts,
        vectors=embeddings.encode(prompts),
        responses=responses if answers else None,
        response_vectors=only(by_champion[:, None], embeddings.encode(responses))
        if answers
        else None,
        surprise=of_some(first, perplexity_rows, len(rows), read),
        scores=of_some(np.flatnonzero(by_champion), most_judged, len(rows), judged),
        abstaining=None if standing is None else standing[:, 0],
        ungrounded=None if standing is None else standing[:, 1],
        calling=None if use is None else use[:, 0],
        failed_calls=None if use is None else use[:, 1],
        asking_back=None if use is None else use[:, 2],
    )
    return with_words_of_users(batch, rows, by_champion & told)


def on_passages(row: Traffic, prompt: str, phrasings: Sequence[str]) -> tuple[float, float]:
    """Whether an answer abstains, and its share of unsupported sentences: NaN if it does."""
    asked = AskedOnPassages(prompt, "", tuple(passage.text for passage in row.evidence or ()))
    if abstains(asked, row.response, phrasings):
        return 1.0, np.nan
    held = [sentence.borne_out for sentence in judged_sentences(asked, row.response, phrasings)]
    return 0.0, fmean(borne_out is False for borne_out in held if borne_out is not None)


def tool_use(row: Traffic) -> tuple[float, float, float]:
    """Whether an answer calls a tool; whether a call failed, NaN without any; whether it asks back.

    A call of the answer failed that cannot be read or that names a tool which the request has not.
    Of one whose result the request brings, which is after all else in it, the result says so.
    """
    names = {tool["function"]["name"] for tool in row.tools or ()}
    calls = written_calls(row.response)
    results = takewhile(lambda turn: turn.role == "tool", reversed(row.turns or ()))
    failed = [call.arguments is None or call.name not in names for call in calls]
    failed += [says_error(result.content) for result in results]
    return bool(calls), max(failed, default=np.nan), asks_back(row.response)


ERROR = re.compile(r"\W*(?:\w*error|\w*exception|traceback|failed|failure)\b", re.IGNORECASE)


def says_error(result: str) -> bool:
    """Whether a result says that its call failed: by a field of its JSON or its first word."""
    try:
        told = {key.lower().replace("_", ""): value for key, value in json_object(result).items()}
    except ValueError:
        return ERROR.match(result) is not None
    named = any(told.get(name) for name in ("error", "errors", "exception", "iserror"))
    status = str(told.get("status")).lower() in ("error", "failed", "failure")
    return named or status or told.get("ok") is False or told.get("success") is False


def with_words_of_users(batch: Batch, rows: Sequence[Traffic], there: NDArray[np.bool_]) -> Batch:
    """The same with the ratings and outcomes of some of the rows; there [n]."""
    return replace(
        batch,
        ratings=only(there, ratings_of(rows)),
        escalated=only(there, outcomes_of(rows, "escalated")),
        resolved=only(there, outcomes_of(rows, "resolved")),
        satisfaction=only(there, outcomes_of(rows, "satisfaction")),
    )


def rated_so_far(batch: Batch, rows: Sequence[Traffic], champion: AdapterVersion) -> Batch:
    """The same with the ratings that have come already, to be shown: they decide nothing yet."""
    by_champion = np.array([answered_by(champion, row.adapter) for row in rows], bool)
    return replace(batch, ratings=only(by_champion, ratings_of(rows)))


def watched_prompts(rows: Sequence[Traffic | Row], shared: SharedText) -> list[str]:
    """What is watched of each row's prompt; labels and training have all of it."""
    return [shared.rest(asked_text(row.prompt)) for row in rows]


def rewatched(
    batch: Batch, rows: Sequence[Traffic], shared: SharedText, embeddings: Embeddings
) -> Batch:
    """The same rows as a reference watches them that leaves out something else."""
    prompts = watched_prompts(rows, shared)
    if prompts == batch.prompts:
        return batch
    return replace(batch, prompts=prompts, vectors=embeddings.encode(prompts))


def only(there: NDArray[np.bool_], values: Floats) -> Floats:
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


def outcomes_of(rows: Sequence[Traffic], name: str) -> Floats:
    """A field of the rows' outcomes; NaN where nobody told it [n]."""
    told = (getattr(row.outcome, name) if row.outcome else None for row in rows)
    return np.array([np.nan if value is None else value for value in told], np.float32)


def of_some(
    rows: Ints,
    most: int,
    count: int,
    values_of: Callable[[list[int]], Floats],
    columns: int | None = None,
) -> Floats | None:
    """Values of so many of these rows, NaN for the others [count] or [count, columns]."""
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)
    if not len(places):
        return None
    shape = (count,) if columns is None else (count, columns)
    values, chosen = np.full(shape, np.nan, np.float32), rows[places]
    values[chosen] = values_of(chosen.tolist())
    return values


def times_of(rows: Sequence[Traffic]) -> Times:
    """Hours since Monday, 2020-01-06, 0:00 UTC [n]."""
    return np.array([(row.time - MONDAY).total_seconds() / 3600 for row in rows])


def as_traffic(row: Row, day: date) -> Traffic:
    """A training example as if it had been asked on a day, for a reference without traffic."""
    return Traffic(
        id=row.id,
        at=f"{day}T12:00:00Z",
        user=row.id,
        prompt=row.prompt,
        response=row.completion_text,
        adapter="dataset",
    )


# --- cut prompts ----------------------------------------------------------------------------------

# Prompts that are longer than what is read of them.

WORTH_SAYING = 0.01  # of the prompts


def cut_prompts(batch: Batch) -> int:
    """The number of prompts of which the embedder or the champion did not read a part."""
    if batch.prompts is None:
        return 0
    nats = batch.surprise
    read = np.zeros(len(batch), bool) if nats is None else ~np.isnan(nats)
    return sum(
        embedder.is_cut(text) or (by_champion and prompt_surprise.is_cut(text))
        for text, by_champion in zip(batch.prompts, read.tolist(), strict=True)
    )


def cut_notes(cut: int, prompts: int) -> tuple[str, ...]:
    """Words for people, where it is more than a few."""
    if cut <= WORTH_SAYING * prompts:
        return ()
    return (f"{cut / prompts:.0%} of the prompts are longer than what is read of them",)
