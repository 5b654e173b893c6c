"""What the traffic is about now that it was not about before."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.reference import Reference
from monitoring.drift.signal_tests import like_weights
from monitoring.signals.prompt_signals import Topics
from monitoring.signals.signal import Batch, Floats, Ints, Times
from monitoring.signals.vocabulary import (
    Vocabulary,
    beginning,
    counts_of,
    number_of,
    quoted,
    typical_words,
    words_of,
)
from project.records.drift import Topic
from project.records.record import Record

CLEAR = 3.0  # standard errors by which a topic's share must differ to be reported
MOST_TOPICS = 8
EXEMPLARS = 3  # prompts of a topic
NEW_TOPICS = 5  # at most, that are made of the rows which belong to no topic
NEW_WORDS = 10
NOBODY = "prompts that nobody asks now"  # a topic without a telling word that shrank to nothing
COMMON = 0.01  # of the reference's words: a word more frequent there names nothing new


class Attribution(Record):
    topics: tuple[Topic, ...] = ()  # whose share changed, the one that grew most first
    exemplars: tuple[str, ...] = ()  # prompts of the topics that grew
    new_words: tuple[str, ...] = ()  # that the reference lacks, the most frequent first
    grown: tuple[int, ...] = ()  # the numbers of the topics that grew, as Topics.labels has them


def attribute(reference: Reference, batch: Batch, times: Times) -> Attribution:
    """Name the topics that grew, appeared or shrank, with prompts to look at.

    times [n] of the batch's rows, as Season.strata takes them: a Saturday is compared with
    Saturdays.
    """
    topics = next((s for s in reference.signals if isinstance(s, Topics)), None)
    if topics is None or not len(batch):
        return Attribution()
    labels = topics.labels(batch)
    before, m = shares_before(reference, topics, reference.season.strata(times))
    words = WordsBefore.of(reference, batch, topics.count - 1)
    changed: list[Topic] = []
    numbers = []
    for topic in range(topics.count):
        there = labels == topic
        z = difference(there.mean(), before[topic], len(batch), m)
        if abs(z) < CLEAR:
            continue
        if z > 0:
            numbers.append(topic)
        if topic < topics.count - 1:
            name = reference.topic_names[topic] or name_of(batch, there, words)
            changed.append(describe(batch, there, name, float(before[topic]), z))
        elif z > 0:
            changed += new_topics(batch, there, words, float(before[topic]), m)
    changed.sort(key=lambda topic: -abs(topic.now - topic.before))
    changed = sorted(changed[:MOST_TOPICS], key=lambda topic: topic.before - topic.now)
    grown = [topic for topic in changed if topic.now > topic.before]
    return Attribution(
        topics=tuple(changed),
        exemplars=tuple(text for topic in grown for text in topic.exemplars)[: 2 * EXEMPLARS],
        new_words=new_words(reference, batch),
        grown=tuple(numbers),
    )


def shares_before(
    reference: Reference, topics: Topics, strata: Ints
) -> tuple[NDArray[np.float64], float]:
    """Each topic's share of the reference, its strata weighted as tonight's, and of how many units
    that is worth. All weigh alike where it has none of tonight's strata.
    """
    units = reference.units.having(topics.name)
    weights = like_weights(strata, units.strata)
    weights = weights if weights.any() else np.ones(len(units))
    weights = weights / weights.sum()
    return weights @ units.columns, 1 / float((weights**2).sum())


def difference(now: float, before: float, n: int, m: float) -> float:
    """The difference of two shares, in standard errors of the pooled share."""
    pooled = min(1.0, (now * n + before * m) / (n + m))  # weights add up to 1, but for rounding
    se = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return (now - before) / se if se else 0.0


@dataclass(frozen=True)
class WordsBefore:
    """How often the reference has each word, and how many words there are in one of its topics."""

    counts: Counter[int]  # by the word's number
    average: float

    @classmethod
    def of(cls, reference: Reference, batch: Batch, topics: int) -> Self:
        """The vocabulary that its signal learnt; tonight's own where there is no such signal."""
        known = next((s for s in reference.signals if isinstance(s, Vocabulary)), None)
        here = map(number_of, map_words(batch.prompts or ()))
        counts = known.counts if known else Counter(here)
        return cls(counts, counts.total() / max(1, topics))

    def name(self, texts: Sequence[str]) -> str:
        """The words that tell new texts from the reference; "" where none does."""
        now, total = Counter(map_words(texts)), self.counts.total()
        before = {word: self.counts[number_of(word)] for word in now}
        common = {word for word, count in before.items() if count > COMMON * total}
        every = {word: before[word] + count for word, count in now.items()}
        return ", ".join(typical_words(texts, every, self.average, common))


def map_words(texts: Iterable[str]) -> Iterator[str]:
    return (word for text in texts for word in words_of(text))


def new_topics(
    batch: Batch, there: NDArray[np.bool_], words: WordsBefore, before: float, m: float
) -> list[Topic]:
    """What belongs to no topic of the reference, split by k-means where there is enough of it."""
    assert batch.vectors is not None
    rows = np.flatnonzero(there)
    parts = parts_of(batch.vectors[rows])
    count = most_parts(len(rows))
    topics: list[Topic] = []
    for part in sorted(set(parts.tolist())):  # fewer than `count` where prompts are alike
        in_part = np.zeros(len(batch), bool)
        in_part[rows[parts == part]] = True
        z = difference(float(in_part.mean()), before / count, len(batch), m)
        name = name_of(batch, in_part, words)
        if name in {topic.name for topic in topics}:
            name = prompt_of(batch, in_part)
        topics.append(describe(batch, in_part, name, before / count, z, new=True))
    return topics


def parts_of(vectors: Floats) -> Ints:
    """The part of each row that belongs to no topic [n]; the same rows have the same parts."""
    from sklearn.cluster import KMeans  # takes a second, which --help should not wait for

    means = KMeans(most_parts(len(vectors)), n_init=3, random_state=0)
    return np.asarray(means.fit_predict(vectors), np.int64)


def most_parts(rows: int) -> int:
    return max(1, min(NEW_TOPICS, rows // 10))


def name_of(batch: Batch, there: NDArray[np.bool_], words: WordsBefore) -> str:
    """Tonight's words that tell the topic, or else its most typical prompt."""
    return words.name(texts_of(batch, there)) or prompt_of(batch, there)


def prompt_of(batch: Batch, there: NDArray[np.bool_]) -> str:
    return next(map(quoted, typical(batch, there)), NOBODY)


def describe(
    batch: Batch,
    there: NDArray[np.bool_],
    name: str,
    before: float,
    z: float,
    *,
    new: bool = False,
) -> Topic:
    """A topic as tonight's rows show it."""
    mean = mean_of(batch.surprise, there)
    return Topic(
        name=name,
        new=new,
        before=before,
        now=float(there.mean()),
        z=z,
        exemplars=typical(batch, there),
        perplexity=None if mean is None else exp(min(mean, 50.0)),
        rating=mean_of(batch.ratings, there),
    )


def texts_of(batch: Batch, there: NDArray[np.bool_]) -> list[str]:
    return [
        text
        for text, is_there in zip(batch.prompts or (), there, strict=bool(batch.prompts))
        if is_there
    ]


def typical(batch: Batch, there: NDArray[np.bool_]) -> tuple[str, ...]:
    """The prompts nearest to the topic's middle; of embeddings alone, their row numbers."""
    assert batch.vectors is not None
    rows = np.flatnonzero(there)
    if not len(rows):
        return ()
    middle = batch.vectors[rows].mean(0)
    ordered = rows[np.argsort(((batch.vectors[rows] - middle) ** 2).sum(1), kind="stable")]
    texts = (
        beginning(batch.prompts[row]) if batch.prompts else f"row {row}" for row in ordered.tolist()
    )
    return tuple(dict.fromkeys(texts))[:EXEMPLARS]


def mean_of(values: Floats | None, there: NDArray[np.bool_]) -> float | None:
    measured = np.array([]) if values is None else values[there & ~np.isnan(values)]
    return float(measured.mean()) if len(measured) else None


def new_words(reference: Reference, batch: Batch) -> tuple[str, ...]:
    """Words that at least two prompts have and the reference's index half does not, the more often
    than chance would have it: the other half may have some.
    """
    known = next((s for s in reference.signals if isinstance(s, Vocabulary)), None)
    if known is None or batch.prompts is None:
        return ()
    there, before = set(known.words.tolist()), known.counts.total()
    counts = Counter(map_words(batch.prompts))
    prompts, total = counts_of(batch.prompts), counts.total()
    clear = [
        (-prompts[word], word)
        for word, count in counts.items()
        if prompts[word] > 1
        and number_of(word) not in there
        and difference(count / total, 0.0, total, before) >= CLEAR
    ]
    return tuple(word for _, word in sorted(clear)[:NEW_WORDS])
