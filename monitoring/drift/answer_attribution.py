"""How the champion's answers changed: those furthest from the usual, what is wrong, the ratings."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from curation.faults.boilerplate import refusal
from curation.faults.cut_off import cut_off
from monitoring.drift.reference import Reference
from monitoring.drift.reference_store import FrozenReference, References
from monitoring.night_context import NightContext
from monitoring.signals.answer_signals import Ratings
from monitoring.signals.signal import Batch, Floats, nearest
from monitoring.signals.signal_inputs import answered_by, ratings_of, watched_prompts
from monitoring.signals.vocabulary import beginning
from monitoring.traffic.voices import asked_text, voices_of
from project.records.adapters import AdapterVersion
from project.records.data import Row
from project.records.drift import (
    OF_ANSWERS,
    AnswerChange,
    AnswerCounts,
    FarAnswer,
    RatingShift,
    SignalReading,
    alarmed,
)
from project.records.traffic import Traffic

LOOKED_AT = 2_000  # answers on either side: a share of them is known to 1 %, one standard error
USUAL_DAYS = 7  # of the reference's, the newest: each weekday is among them
FURTHEST = 5
BESIDE = 1e-3  # what a signal that is calm weighs beside one that alarms: it parts ties alone
SURE = 0.99  # of the interval of ratings: it is looked at again on every night of a drift
RATED = 10  # users from whom on their ratings say something


def answer_change(
    context: NightContext,
    champion: AdapterVersion,
    references: References,
    readings: Sequence[SignalReading],
    days: Sequence[date],
) -> AnswerChange | None:
    """What a person should see of the last of these days' answers; None where nothing alarms."""
    names = alarmed(readings) & OF_ANSWERS
    if references.answers is None or not names:
        return None
    nights = min(r.nights for r in readings if r.signal in names and r.evidence >= 1)
    rows = own_rows(context, champion, days[-nights:])
    usual = own_rows(context, champion, usual_days(context, references.answers))
    return AnswerChange(
        now=count_answers(rows),
        before=count_answers(usual) if usual else None,
        furthest=tuple(furthest(context, champion, references, names, rows, usual)),
        ratings=rating_shift(context, references.answers.reference, rows),
    )


def own_rows(
    context: NightContext, champion: AdapterVersion, days: Sequence[date]
) -> list[Traffic]:
    """A sample of the champion's own answers on some days, one of each user and day."""

    def own(rows: list[Traffic]) -> list[Traffic]:
        return [row for row in rows if answered_by(champion, row.adapter)]

    return context.sample(days, LOOKED_AT, own)[0].finish()


def usual_days(context: NightContext, answers: FrozenReference) -> list[date]:
    """The newest days of the reference whose traffic is still kept."""
    since = answers.since or date.min
    return [day for day in context.usual_days() if since <= day < answers.first][-USUAL_DAYS:]


def count_answers(rows: Sequence[Traffic]) -> AnswerCounts:
    texts = ((row.id, asked_text(row.prompt), row.response) for row in rows)
    made = [Row.of(asked, told, group="", source="", row_id=name) for name, asked, told in texts]
    full = [row for row in made if row.completion_text.strip()]
    refused = sum(refusal(row) is not None for row in full)
    cut = sum(cut_off(row) is not None for row in full)
    return AnswerCounts(n=len(rows), refused=refused, empty=len(rows) - len(full), cut=cut)


# --- furthest answers -----------------------------------------------------------------------------

# The answers that are least like what the champion usually says to such a prompt.


def furthest(
    context: NightContext,
    champion: AdapterVersion,
    references: References,
    names: Collection[str],
    rows: Sequence[Traffic],
    usual: Sequence[Traffic],
) -> Iterator[FarAnswer]:
    """The answers that are furthest by the named signals, each other than those before it."""
    by_answer: dict[str, Traffic] = {}
    for row in furthest_first(context, champion, references, names, rows):
        by_answer.setdefault(row.response.strip(), row)
    chosen = list(by_answer.values())[:FURTHEST]
    shared = references.prompts.reference.shared
    encode = context.embeddings.encode
    asked, before = (encode(watched_prompts(some, shared)) for some in (chosen, usual))
    near = nearest(asked, before, 1)[0][:, 0].tolist() if usual and chosen else []
    for place, row in enumerate(chosen):
        like = usual[near[place]] if near else None
        yield FarAnswer(
            prompt=beginning(asked_text(row.prompt)),
            answer=beginning(row.response),
            usual_prompt=beginning(asked_text(like.prompt)) if like else None,
            usual_answer=beginning(like.response) if like else None,
        )


def furthest_first(
    context: NightContext,
    champion: AdapterVersion,
    references: References,
    names: Collection[str],
    rows: Sequence[Traffic],
) -> list[Traffic]:
    """The rows by how far their answers are from the reference's, by the named signals."""
    if references.answers is None or not rows:
        return list(rows)
    batch = context.batch(
        rows,
        champion,
        judge=references.judge,
        perplexity=False,
        shared=references.prompts.reference.shared,
    )
    order = np.argsort(-strangeness(references.answers.reference, batch, names), kind="stable")
    return [rows[i] for i in order.tolist()]


def strangeness(reference: Reference, batch: Batch, names: Collection[str]) -> NDArray[np.float64]:
    """How far each row is from the reference's middle, in deviations of its own [n]: the root mean
    square over a signal's columns, or how much worse by its one, added over the signals.

    A row that has no value in a signal is in that signal's middle.
    """
    far = np.zeros(len(batch))
    for signal in reference.signals:
        units = reference.units.having(signal.name)
        if not len(units):
            continue
        deviations = np.maximum(units.deviations, 1e-6)
        scaled = (signal.columns(batch) - units.columns.mean(0)) / deviations
        distance = scaled[:, 0] if signal.direction == "up" else np.sqrt((scaled**2).mean(1))
        far += np.nan_to_num(distance, nan=0.0) * (1.0 if signal.name in names else BESIDE)
    return far


# --- ratings --------------------------------------------------------------------------------------

# Whether users rate worse than they did: with an interval, for a mean of a few ratings is a lot.


def rating_shift(
    context: NightContext, reference: Reference, rows: Sequence[Traffic]
) -> RatingShift | None:
    """These rows' ratings beside the reference's, of settled days; None for too few users."""
    if Ratings.name not in reference.units.columns:
        return None
    units = reference.units.having(Ratings.name)
    told = [row for row in rows if context.settled(row.time.date())]
    ratings, voices = ratings_of(told), np.array(voices_of(told), dtype=np.str_)
    now = mean_of_each(ratings, voices)
    if len(now) < RATED or not len(units):
        return None
    users = units.users if len(units.users) else np.arange(len(units))
    return compare_ratings(now, mean_of_each(-units.columns[:, 0], users))


def mean_of_each(values: Floats, users: NDArray[np.generic]) -> NDArray[np.float64]:
    """The mean of each user's values that are known [users]."""
    known = ~np.isnan(values)
    _, places = np.unique(users[known], return_inverse=True)
    return np.asarray(np.bincount(places, values[known]) / np.bincount(places), np.float64)


def compare_ratings(now: NDArray[np.float64], before: NDArray[np.float64]) -> RatingShift:
    """The difference of two means of ratings, from −1 to 1, with its interval.

    Welch's interval with one user more at either end of the scale on both sides, as Agresti & Caffo
    2000 do for shares, and with no side's variance below that of all users: else ten who agree by
    chance would be sure of what they say.
    """
    sides = [np.append(side, (-1.0, 1.0)) for side in (now, before)]
    least = float(np.concatenate(sides).var(ddof=1))
    parts = [max(float(side.var(ddof=1)), least) / len(side) for side in sides]
    squares = sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides, strict=True))
    reach = float(t.isf((1 - SURE) / 2, sum(parts) ** 2 / squares)) * sqrt(sum(parts))
    middle = float(sides[0].mean() - sides[1].mean())
    return RatingShift(
        now=float(now.mean()),
        n=len(now),
        before=float(before.mean()),
        n_before=len(before),
        low=middle - reach,
        high=middle + reach,
        level=SURE,
    )
