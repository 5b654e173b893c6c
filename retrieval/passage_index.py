"""An index as a folder: passages, how they are to be found, and what was computed for it.

The folder's digest is what a contestant pins, so all that decides which passages it is shown lies
in there. Vectors are kept in a cache besides, by the digests of their texts: of an index that is
made again only new texts are embedded, and one that was interrupted goes on.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from project.canonical import digest_folder
from project.errors import IncumbentError
from project.files import home, staged_folder
from project.records.adapters import ModelPin
from project.records.data import EvidencePassage, counted
from project.records.record import Digest, Record, short
from retrieval.embedder import Embedder, Embeddings
from retrieval.retriever import RULE, Embed, Retriever

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
        found = self.retriever.find(question, self.settings.shown)
        return tuple(found or self.retriever.passages[: self.settings.shown])


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
    new = kept_vectors(embedder).count_new([one.text for one in passages])
    if new < WORTH_SAYING:
        return None
    minutes = counted(-(-new // A_MINUTE), "minute")
    return (
        f"{new:,} of {len(passages):,} passages have to be embedded: about {minutes} of one "
        "processor. It may be interrupted, and goes on where it was; `retrieval.embedder: false` "
        "finds them by words alone, without that"
    )
