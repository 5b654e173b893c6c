"""The passages that are most likely to answer a question: by their words, and by their meaning.

Words are weighed by BM25, meaning is the cosine of sentence embeddings, and the two lists are fused
by reciprocal ranks (Cormack, Clarke and Buettcher 2009): a passage that both find stands first.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from nltk.stem.porter import PorterStemmer
from numpy.typing import NDArray

from project.records.data import EvidencePassage
from project.records.record import write_records
from project.unicode_words import words

if TYPE_CHECKING:
    from bm25s import BM25

# Counted on where another rule below finds other passages: then an index is another one.
RULE = 1
FUSED = 60  # k of Cormack et al.: what a first place is worth beside a second one
DEEP = 100  # places of each list that count
SHORT = 3  # letters of a word that has no ending to take off
PASSAGES, WORDS, VECTORS = "passages.jsonl", "words", "vectors.npy"
STORED = np.dtype("<f2")
STEMMER = PorterStemmer()

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]  # unit vectors [texts, dimensions]


class Retriever:
    """Passages in memory, with their words weighed, and with their vectors where it has some."""

    def __init__(
        self,
        passages: Sequence[EvidencePassage],
        weights: "BM25 | None",
        vectors: Vectors | None = None,
        embed: Embed | None = None,
    ) -> None:
        """`vectors` [passages, dimensions] and `embed`, which makes one of a question, are both
        there, or neither.
        """
        self.passages = passages
        self.weights = weights
        self.vectors = vectors
        self.embed = embed

    @classmethod
    def over(cls, passages: Sequence[EvidencePassage], embed: Embed | None = None) -> Self:
        """An index of these passages, made now; without `embed` by their words alone."""
        weights = word_weights(passages)
        if embed is None or not passages:
            return cls(passages, weights)
        vectors = embed([one.text for one in passages])
        return cls(passages, weights, as_kept(vectors).astype(np.float32), embed)

    def find(self, question: str, k: int, exclude: Collection[str] = ()) -> list[EvidencePassage]:
        """The k passages that fit best, the best first; fewer where fewer share a word with the
        question, or there are not more. None has an id of `exclude`.
        """
        left_out = (
            [i for i, one in enumerate(self.passages) if one.id in exclude] if exclude else []
        )
        rankings = [ranking(scores, left_out) for scores in self.scores(question)]
        return [self.passages[i] for i in fused(rankings)[:k]]

    def scores(self, question: str) -> Iterable[Vectors]:
        """What each passage is worth to a question [passages], by each way to look."""
        if self.weights is not None and (known := self.weights.get_tokens_ids(stems(question))):
            yield self.weights.get_scores_from_ids(known)
        if self.vectors is not None and self.embed is not None:
            yield self.vectors @ self.embed([question])[0]

    # --- on disk --------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write it into an empty folder: the same passages make the same bytes of words."""
        write_records(folder / PASSAGES, self.passages)
        if self.weights is not None:
            self.weights.save(folder / WORDS, show_progress=False)
        if self.vectors is not None:
            np.save(folder / VECTORS, as_kept(self.vectors))

    @classmethod
    def load(cls, folder: Path, embed: Embed | None = None) -> Self:
        """What `save` wrote; `embed` is needed where it has vectors."""
        from bm25s import BM25  # it brings numba, which takes a second

        passages = EvidencePassage.read_lines(folder / PASSAGES)
        known = (folder / WORDS).is_dir()
        weights = BM25.load(folder / WORDS, show_progress=False) if known else None
        stored = folder / VECTORS
        vectors = np.load(stored).astype(np.float32) if stored.exists() else None
        return cls(passages, weights, vectors, embed)


def as_kept(vectors: Vectors) -> NDArray[np.float16]:
    return vectors.astype(STORED)


# --- words ----------------------------------------------------------------------------------------


def word_weights(passages: Sequence[EvidencePassage]) -> "BM25 | None":
    """BM25 over the stems of passages, with the weights that Lucene gives; None where there are no
    words.
    """
    from bm25s import BM25  # as in `load`

    texts = [stems(one.text) for one in passages]
    places = {stem: i for i, stem in enumerate(sorted({stem for text in texts for stem in text}))}
    if not places:
        return None
    found = BM25()
    ids = [[places[stem] for stem in text] for text in texts]
    found.index((ids, places), create_empty_token=False, show_progress=False)
    return found


def stems(text: str) -> list[str]:
    """The words of a text in any script, those of ASCII without their English endings."""
    return [stem_of(word) for word in words(text)]


@lru_cache(1 << 16)
def stem_of(word: str) -> str:
    if len(word) <= SHORT or not word.isascii() or not word.isalpha():
        return word
    found: str = STEMMER.stem(word)
    return found


# --- ranks ----------------------------------------------------------------------------------------


def ranking(scores: Vectors, left_out: Sequence[int] = ()) -> list[int]:
    """The places of the best scores above 0, at most DEEP of them, the best first; of equal ones
    the first.
    """
    if left_out:
        scores = scores.copy()
        scores[left_out] = 0
    best = np.flatnonzero(scores > 0)
    if len(best) > DEEP:
        least = np.partition(scores[best], -DEEP)[-DEEP]
        best = best[scores[best] >= least]
    order: list[int] = best[np.argsort(-scores[best], kind="stable")][:DEEP].tolist()
    return order


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Places by the sum of 1 / (60 + rank) over the lists that name them, ranks from 1."""
    sums: dict[int, float] = {}
    for one in rankings:
        for rank, place in enumerate(one, start=1):
            sums[place] = sums.get(place, 0.0) + 1 / (FUSED + rank)
    return sorted(sums, key=lambda place: (-sums[place], place))


def recall_at(
    found: Sequence[Sequence[EvidencePassage]], wanted: Sequence[str], k: int
) -> list[float]:
    """For each question 1 where the passage that it wants, by its id, is among the first k that
    were found, else 0.
    """
    pairs = zip(found, wanted, strict=True)
    return [float(one in {passage.id for passage in some[:k]}) for some, one in pairs]
