"""The passages that are most likely to answer a question: by their words, and by their meaning.

Words are weighed by BM25, meaning is the cosine of sentence embeddings, and the two lists are fused
by reciprocal ranks (Cormack, Clarke and Buettcher 2009): a passage that both find stands first.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from project.canonical import digest_folder
from project.chat_template import under
from project.errors import IncumbentError
from project.files import home, staged_folder
from project.model_pins import context_window, folder_here
from project.records.adapters import Contestant, ModelPin
from project.records.data import EvidencePassage, Message, counted
from project.records.record import Digest, Record, short, write_records
from project.shown_passages import asked_on
from project.unicode_words import stems
from retrieval.embedder import Embedder, Embeddings

if TYPE_CHECKING:
    from bm25s import BM25
    from tokenizers import Tokenizer

# Counted on where another rule below finds other passages: then an index is another one.
RULE = 1
FUSED = 60  # k of Cormack et al.: what a first place is worth beside a second one
DEEP = 100  # places of each list that count
PASSAGES, WORDS, VECTORS = "passages.jsonl", "words", "vectors.npy"
STORED = np.dtype("<f2")

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
        vectors = embed([passage.text for passage in passages])
        return cls(passages, weights, as_kept(vectors).astype(np.float32), embed)

    def find(self, question: str, k: int, exclude: Collection[str] = ()) -> list[EvidencePassage]:
        """The k passages that fit best, the best first; fewer where fewer share a word with the
        question, or there are not more. None has an id of `exclude`.
        """
        left_out = [i for i, p in enumerate(self.passages) if p.id in exclude] if exclude else []
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

    texts = [stems(passage.text) for passage in passages]
    places = {stem: i for i, stem in enumerate(sorted({stem for text in texts for stem in text}))}
    if not places:
        return None
    weights = BM25()
    ids = [[places[stem] for stem in text] for text in texts]
    weights.index((ids, places), create_empty_token=False, show_progress=False)
    return weights


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
    for places in rankings:
        for rank, place in enumerate(places, start=1):
            sums[place] = sums.get(place, 0.0) + 1 / (FUSED + rank)
    return sorted(sums, key=lambda place: (-sums[place], place))


# --- index folder ---------------------------------------------------------------------------------

# An index as a folder: passages, how they are to be found, and what was computed for it.
#
# The folder's digest is what a contestant pins, so all that decides which passages it is shown lies
# in there. Vectors are kept in a cache besides, by the digests of their texts: of an index that is
# made again only new texts are embedded, and one that was interrupted goes on.

HOW = "index.json"  # in its folder
A_MINUTE = 60 * 28  # passages that one processor embeds: 28 a second were measured
WORTH_SAYING = A_MINUTE // 4


class IndexSettings(Record):
    """How passages of an index are found, and for whom."""

    shown: int  # passages that a question is asked with
    replace: bool  # whether rows of an eval set are asked with them that bring passages themselves
    embedder: ModelPin | None  # None: they are found by words alone
    rule: int = RULE


class OpenIndex(NamedTuple):
    retriever: Retriever
    settings: IndexSettings

    def passages_for(self, question: str) -> tuple[EvidencePassage, ...]:
        """What a question is asked with, the best first.

        Where no passage has a word of it, the first ones there are: asked without any, a model
        would answer from what it has learnt, and with these it says that it does not know.
        """
        passages = self.retriever.find(question, self.settings.shown)
        return tuple(passages or self.retriever.passages[: self.settings.shown])


def write_index(
    passages: Sequence[EvidencePassage], settings: IndexSettings, folder: Path
) -> Digest:
    """Make an index in a folder, whole or not at all, and return the folder's digest."""
    embed = kept_vectors(settings.embedder).encode if settings.embedder else None
    with staged_folder(folder) as draft:
        Retriever.over(passages, embed).save(draft)
        settings.write(draft / HOW)
    return digest_folder(folder)


def read_index(folder: Path, digest: Digest, embedder: Callable[[ModelPin], Embedder]) -> OpenIndex:
    """An index, with an embedder for questions. Raises IncumbentError for a folder that is not as
    it was made, and for one that another release made.
    """
    if not folder.is_dir() or digest_folder(folder) != digest:
        raise IncumbentError(
            f"{folder} is not index {short(digest)} any more: run `dvc repro --force index`"
        )
    settings = IndexSettings.read(folder / HOW)
    if settings.rule != RULE:
        raise IncumbentError(
            f"index {short(digest)} is of rule {settings.rule} of another Incumbent, and this one "
            f"finds passages by rule {RULE}: `incumbent run` makes a version on a new index"
        )
    embed: Embed | None = embedder(settings.embedder).encode if settings.embedder else None
    return OpenIndex(Retriever.load(folder, embed), settings)


def kept_vectors(pin: ModelPin) -> Embeddings:
    """The embedder whose vectors are kept: those of passages, and of questions that come again."""
    return Embeddings(pin, home() / "retrieval" / "embeddings.db")


def cost_of(passages: Sequence[EvidencePassage], embedder: ModelPin) -> str | None:
    """What embedding takes, before it starts, and how to do without; None where it is little."""
    new = kept_vectors(embedder).count_new([passage.text for passage in passages])
    if new < WORTH_SAYING:
        return None
    minutes = counted(-(-new // A_MINUTE), "minute")
    return (
        f"{new:,} of {len(passages):,} passages have to be embedded: about {minutes} of one "
        "processor. It may be interrupted, and goes on where it was; `retrieval.embedder: false` "
        "finds them by words alone, without that"
    )


# --- prompt room ----------------------------------------------------------------------------------

A_TURN = 32  # tokens that a chat template puts around each turn, and more than any known one does


class PromptRoom:
    """The context of a contestant's base. One that is not on this machine is not known: its server
    refuses what is too long.
    """

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.folder = folder_here(contestant.base)

    @cached_property
    def window(self) -> int | None:
        return context_window(self.folder) if self.folder and self.folder.is_dir() else None

    @cached_property
    def tokenizer(self) -> "Tokenizer | None":
        # Imported here because few prompts are so long that they have to be counted.
        from tokenizers import Tokenizer

        file = Path(self.folder or "") / "tokenizer.json"
        return Tokenizer.from_file(str(file)) if file.is_file() else None

    def first_that_fit(
        self, prompt: Sequence[Message], passages: Sequence[EvidencePassage], answer: int
    ) -> Sequence[EvidencePassage]:
        """As many of the first passages as leave room for an answer of so many tokens."""
        if self.window is None:
            return passages
        count = len(passages)
        while count and not self.fits(prompt, passages[:count], self.window - answer):
            count -= 1
        return passages[:count]

    def fits(
        self, prompt: Sequence[Message], passages: Sequence[EvidencePassage], room: int
    ) -> bool:
        shown = asked_on(prompt, passages, self.contestant.evidence_template)
        turns = under(self.contestant.system_prompt, shown)
        around = A_TURN * len(turns)
        # A token is a byte at least, so that short prompts need no tokenizer.
        if around + sum(len(turn.content.encode()) for turn in turns) <= room:
            return True
        if self.tokenizer is None:
            return True
        texts = [turn.content for turn in turns]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return around + sum(len(encoding.ids) for encoding in encodings) <= room
