"""Words: how surprising a prompt's words are to one who knows the reference's."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, log2
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.signal import Batch, Direction, Floats, Ints
from project.canonical import digest_number
from project.records.drift import QUOTE


@dataclass(frozen=True)
class Vocabulary:
    """The mean surprise of a prompt's words in bits, by the reference's word counts plus one.

    It keeps digests: a reference outlasts the retention, and a rare word may be somebody's name.
    """

    words: Ints  # number_of [words], sorted
    bits: Floats  # [words]
    unseen: Floats  # [1], of a word that the reference lacks

    name: ClassVar[str] = "vocabulary"
    direction: ClassVar[Direction] = "up"
    weight: ClassVar[int] = 3
    shares: ClassVar[bool] = False

    @classmethod
    def fit(cls, index: Batch, rng: np.random.Generator) -> Self | None:
        if index.prompts is None:
            return None
        words = Counter(word for text in index.prompts for word in words_of(text))
        if not words:
            return None
        counts = {number_of(word): count for word, count in words.items()}
        total = words.total() + len(counts) + 1
        numbers = sorted(counts)
        bits = [log2(total / (counts[number] + 1)) for number in numbers]
        return cls(
            np.array(numbers, np.int64),
            np.array(bits, np.float32),
            np.array([log2(total)], np.float32),
        )

    def knowing(self, index: Batch, kept: NDArray[np.bool_]) -> Self:
        """A word that the rows left out have too is rarer, and never more frequent."""
        known = type(self).fit(index.taken(kept), np.random.default_rng())
        if known is None:
            return replace(self, words=self.words[:0], bits=self.bits[:0])
        return replace(known, bits=known.bits + (self.unseen - known.unseen), unseen=self.unseen)

    @property
    def counts(self) -> Counter[int]:
        """How often each word was met, by its number, as far as the bits tell."""
        total = 2.0 ** float(self.unseen[0])
        counts = np.rint(total / 2.0 ** self.bits.astype(np.float64) - 1).astype(int)
        return Counter(dict(zip(self.words.tolist(), counts.tolist(), strict=True)))

    def columns(self, batch: Batch) -> Floats:
        assert batch.prompts is not None
        known = dict(zip(self.words.tolist(), self.bits.tolist(), strict=True))
        unseen, texts = float(self.unseen[0]), [words_of(text) for text in batch.prompts]
        distinct = {word for words in texts for word in words}
        bits = {word: known.get(number_of(word), unseen) for word in distinct}
        surprise = [mean(bits[word] for word in words) for words in texts]
        return np.array(surprise, np.float32)[:, None]


def number_of(word: str) -> int:
    return digest_number(word.encode())


def mean(values: Iterable[float]) -> float:
    """NaN when there are none."""
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else float("nan")


# --- prompt words ---------------------------------------------------------------------------------

# The words of prompts, which of them are typical of some, and what people are shown.

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
APOSTROPHE = re.compile("['’]")
TYPICAL = 3
SHORTEST = 3  # letters of a word that names a topic
WIDELY = 0.5  # of the topics: a word that more of them have is a name of none
# Words of scikit-learn's list of English stop words that tell a topic all the same: Nothman et al.
# 2018, "Stop word lists in free open-source software packages", examine the list.
TELLING = frozenset(
    {"amount", "bill", "bottom", "call", "computer", "cry", "describe", "detail", "due", "empty"}
    | {"fill", "fire", "front", "full", "interest", "mill", "mine", "move", "name", "part", "show"}
    | {"side", "system", "top"}
)
FEW = 3  # texts: of more, a name is in at least two, for one text may tell of one person
SHOWN = 200  # characters of a prompt
QUOTED = 60  # of a prompt that names a topic
LONGEST = 40  # letters of a word: what is longer is none


def words_of(text: str) -> list[str]:
    """Its words in lower case: runs of letters of any script."""
    return [word[:LONGEST] for word in WORD.findall(text.lower())]


def counts_of(texts: Iterable[str]) -> Counter[str]:
    """The number of texts that each word is in."""
    return Counter(word for text in texts for word in set(words_of(text)))


def topic_words(
    topics: Sequence[Sequence[str]], rare: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """The words that tell each topic's texts from the other topics; none of the rare ones."""
    counts = [Counter(word for text in texts for word in words_of(text)) for texts in topics]
    everywhere = sum(counts, Counter[str]())
    spread = Counter(word for of_topic in counts for word in of_topic)
    common = {word for word, count in spread.items() if count > max(1, len(topics) * WIDELY)}
    average = everywhere.total() / max(1, len(topics))
    return [typical_words(of_topic, everywhere, average, common.union(rare)) for of_topic in topics]


def typical_words(
    own: Sequence[str],
    everywhere: Mapping[str, float],
    average: float,
    common: Collection[str] = (),
) -> tuple[str, ...]:
    """The words that tell a topic's texts from the others, the most typical first.

    By class-based TF-IDF (Grootendorst 2022, "BERTopic"): a word's count in the topic, times
    log(1 + A / f), where f is its count in all topics and A, `average`, their mean number of words.
    Words that are `common` are no names, in whatever language, nor are English stop words, nor what
    stands in one of several texts alone.
    """
    # Imported here because it takes a second, which --help should not wait for.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stop_words = ENGLISH_STOP_WORDS - TELLING
    texts, least = counts_of(own), 2 if len(own) > FEW else 1
    counts = Counter(word for text in own for word in words_of(text))
    scores = {
        word: count * log(1 + average / max(everywhere.get(word, 0), count))
        for word, count in counts.items()
        if len(word) >= SHORTEST
        and texts[word] >= least
        and word not in common
        and APOSTROPHE.split(word)[0] not in stop_words
    }
    ordered = sorted((-score, word) for word, score in scores.items())
    return tuple(word for _, word in ordered[:TYPICAL])


def beginning(text: str, most: int = SHOWN) -> str:
    """What people are shown of a prompt: its first characters, those that control nothing."""
    shown = "".join(char if char.isprintable() else " " for char in text[:most])
    return shown if len(text) <= most else shown + "…"


def quoted(text: str) -> str:
    """A name for a topic that no word tells: a prompt of it, shortened."""
    return f"{QUOTE}{beginning(text.strip(), QUOTED)}”"


def name_words(name: str) -> list[str]:
    """The typical words that a topic is named by; none where it is named by a prompt."""
    return [] if name.startswith(QUOTE) else words_of(name)
