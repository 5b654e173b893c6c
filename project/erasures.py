"""Rows that somebody had erased: a list of digests that whatever reads rows respects."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from project.canonical import digest_json, moment
from project.files import write_bytes
from project.near_duplicates import word_hashes
from project.records.data import Document, Row
from project.records.preferences import PreferencePair, RatedAnswer
from project.records.record import Digest, Record

ERASED = Path("datasets/erased.jsonl")  # an erasure a line, oldest first; git tracks it
WHY = "that were erased"  # reads well behind a number

Erasable = Row | PreferencePair | RatedAnswer | Document


class Erasure(Record):
    """Rows that are gone, by whom and why. Digests alone tell them if they come again."""

    at: Annotated[str, AfterValidator(moment)]
    by: Annotated[str, Field(pattern=r"\S")]
    reason: Annotated[str, Field(pattern=r"\S")]
    # Ids, of requests too. What was accepted, or an item, is missed without an error.
    rows: tuple[str, ...]
    texts: tuple[Digest, ...]


@dataclass(frozen=True)
class Erased:
    """All that was erased."""

    rows: frozenset[str] = frozenset()
    texts: frozenset[Digest] = frozenset()

    @classmethod
    def here(cls, path: Path = ERASED) -> Self:
        """Raises InputError naming file, line and field."""
        erasures = Erasure.read_lines(path) if path.exists() else ()
        return cls(
            frozenset(row for erasure in erasures for row in erasure.rows),
            frozenset(text for erasure in erasures for text in erasure.texts),
        )

    def holds(self, made: Erasable) -> bool:
        """Whether it is one of them, whatever its letter case, blanks and punctuation."""
        return bool(self.texts) and text_digest(made) in self.texts


def text_digest(made: Erasable) -> Digest:
    """A digest of what is said: of the sets of words of its texts; of one without any, itself."""
    return digest_json(["erased", *(word_hashes(t) or t.strip() for t in texts_of(made))])


def texts_of(made: Erasable) -> tuple[str, ...]:
    match made:
        case Row():
            return made.texts
        case PreferencePair():
            return made.prompt, made.chosen, made.rejected
        case RatedAnswer():
            return made.prompt, made.completion
        case Document():
            return (made.text,)


def passage_texts(made: Erasable) -> tuple[str, ...]:
    """What it shows beside its texts, which other rows may show too."""
    shown = () if isinstance(made, Document) else made.evidence or ()
    return tuple(passage.text for passage in shown)


def append_erasure(erasure: Erasure, path: Path = ERASED) -> None:
    """Add one behind the others, whole or not at all."""
    before = path.read_bytes() if path.exists() else b""
    write_bytes(path, before + erasure.canonical() + b"\n")
