"""What one person said of one task, and what was made of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from curation.sources.reading import Made, Read
from project.records.data import Origin

# Why nothing was made of a judgement; each reads well behind a number.
CANCELLED = "cancelled"
REJECTED = "rejected"
IGNORED = "ignored"
DRAFT = "drafts"
DISCARDED = "discarded"
REPLACED = "replaced by a newer one of the same person"
NO_ANNOTATION = "without an annotation"
NO_RESULT = "annotated without a result"
TIE = "ties"
NEITHER = "neither good nor bad"
SAME_ANSWERS = "that compare an answer with itself"
NO_ANSWERS = "without the answers that were compared"


@dataclass(frozen=True)
class Judgement:
    """A person's word on a task. Without a verdict nothing was said that counts."""

    file: str  # its name below datasets/sources
    line: int
    task: str | None = None  # its id in its file, which files may share
    asked: str | None = None  # the digest of what was shown: one task, in whatever file
    annotator: str | None = None
    verdict: str | None = None  # in words that can be compared; of a tie too
    # The same with numbers for the answers of a task, as two people may say it of other tasks too.
    category: str | None = None
    written: bool = False  # the verdict is a text of one's own: two people rarely write the same
    made: tuple[Made, ...] = ()
    why: str | None = None  # nothing was made


def reads(judgements: Iterable[Judgement]) -> Iterator[Read]:
    """A read for all that was made of each, or for why nothing was."""
    for one in judgements:
        for made in one.made:
            yield Read(Origin(file=one.file, line=one.line, row=made.id), made)
        if not one.made:
            yield Read(Origin(file=one.file, line=one.line, why=one.why))
