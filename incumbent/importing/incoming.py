"""What the files of an import hold, all of it read before anything is written."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.checks.waivers import read_waivers
from curation.collect import Collected, gathered
from curation.mending import redacted, redacted_text
from curation.sources.columns.choices import Guess
from curation.sources.row_formats import Made, Read
from curation.sources.table_rows import UNREADABLE
from incumbent.importing.foreign_files import FileRead, ImportOptions, holds_corrections, read_files
from project.canonical import digest_json
from project.erasures import WHY, Erased, passage_texts, texts_of
from project.errors import InputError
from project.personal_data import Contacts
from project.progress import progress
from project.records.data import Document, Row

# --- redaction of what comes in -------------------------------------------------------------------

# Personal data, taken out of what comes in before any of it reaches the project's folder.

ANNOTATOR = "name of an annotator"
DIGEST = re.compile(r"[0-9a-f]{16}")  # an id that was made of a text


@dataclass
class Redactor:
    """Redacts records one after the other; `kinds` counts what was taken out."""

    ours: Contacts  # which stay
    kinds: Counter[str] = field(default_factory=Counter)
    groups: dict[str, str] = field(default_factory=dict)  # those that gave way, and to what

    def redact(self, read: Read) -> Read:
        """The record with labels in place of personal data."""
        if read.made is None:
            return read
        made, kinds = redacted(read.made, self.ours)
        self.kinds += kinds
        made = self.without_traces(made, changed=bool(kinds))
        return Read(read.origin.model_copy(update={"row": made.id}), made)

    def without_traces(self, made: Made, *, changed: bool) -> Made:
        """With a new id where the old one was a digest of what was taken out: whoever guesses the
        text could tell by it that he is right. Who annotated, and values of columns, go too.
        """
        if isinstance(made, Document):
            return Document.of(made.text, source=made.source) if changed else made
        about: dict[str, Any] = {}
        if made.annotator:
            about["annotator"] = digest_json(["user", made.annotator])[:12]
            self.kinds[ANNOTATOR] += 1
        if isinstance(made, Row):
            about |= self.about_row(made, changed=changed)
        return made.model_copy(update=about)

    def about_row(self, row: Row, *, changed: bool) -> dict[str, Any]:
        texts = [[m.model_dump() for m in side] for side in (row.prompt, row.completion)]
        is_digest = DIGEST.fullmatch(row.id) is not None
        name = digest_json(texts)[:16] if changed and is_digest else row.id
        kinds = Counter[str]()  # a column's value is no text that is learnt
        slices = {k: redacted_text(value, kinds, self.ours) for k, value in row.slices.items()}
        return {"id": name, "slices": slices, "group": self.group(row.group, name)}

    def group(self, group: str, name: str) -> str:
        """The group, or, where it tells a text or a person, the id of its first row."""
        if DIGEST.fullmatch(group) or redacted_text(group, Counter(), self.ours) != group:
            return self.groups.setdefault(group, name)
        return group


# --- incoming -------------------------------------------------------------------------------------

REPEATS = "repeats"
LONGEST = 1_000_000  # characters of a text: no base reads as many


@dataclass(frozen=True)
class Incoming:
    """What is to be imported."""

    found: Collected
    files: Sequence[FileRead]
    columns: Guess | None  # of the tables
    redacted: Mapping[str, int]  # how much, by kind
    asked: ImportOptions

    @property
    def are_corrections(self) -> bool:
        """Whether they are bad dev answers, corrected, as `incumbent data export` wrote them.

        Raises InputError where only some of the files are: those are to be trained on alone.
        """
        corrections = [holds_corrections(file) for file in self.files]
        if any(corrections) and not all(corrections):
            problem = "holds corrections, which are for training only: import them by themselves"
            raise InputError(problem, file=self.files[corrections.index(True)].path)
        return all(corrections)

    @property
    def read(self) -> int:
        """What came in, what was in the files once more, and records that gave nothing."""
        return len(self.found.origins)

    @property
    def left_out(self) -> Counter[str]:
        """Why records gave nothing, or nothing new."""
        return Counter({why: len(places) for why, places in self.lost_at.items()})

    @property
    def lost_at(self) -> dict[str, list[str]]:
        """Where they stand, by the reason: what an import writes does not hold them any more."""
        lost: dict[str, list[str]] = {}
        made = set[str]()
        for origin in self.found.origins:
            why = origin.why or (REPEATS if origin.row in made else None)
            if why:
                lost.setdefault(why, []).append(f"{origin.file}:{origin.line}")
            elif origin.row:
                made.add(origin.row)
        return lost


def read_incoming(formats: Mapping[Path, str], asked: ImportOptions) -> Incoming:
    """Read every file. Raises InputError where one is unreadable, or none has anything."""
    files, columns = read_files(formats, asked)
    redactor = Redactor(read_waivers().ours)
    reads = [sized(read, file.path, asked) for file in files for read in file.reads]
    found = gathered(redacted_reads(reads, redactor) if asked.redact else reads)
    incoming = Incoming(found, files, columns, redactor.kinds, asked)
    refuse_nothing(incoming)
    return incoming


def sized(read: Read, path: Path, asked: ImportOptions) -> Read:
    """A record that can be a text. Raises InputError for another, unless such are left out."""
    made = read.made
    texts = (*texts_of(made), *passage_texts(made)) if made is not None else ()
    longest = max(map(len, texts), default=0)
    if longest <= LONGEST:
        return read
    if not asked.skip:
        problem = f"has a text of {longest:,} characters: does a quote or a line end lack?"
        raise InputError(
            f"{problem} Mend it, or --skip-unreadable", file=path, line=read.origin.line
        )
    return Read(read.origin.model_copy(update={"row": None, "why": UNREADABLE}))


def redacted_reads(reads: Sequence[Read], redactor: Redactor) -> Iterator[Read]:
    """Redacted; what was erased is known by its own words, so it is left out before that."""
    erased = Erased.here()
    with progress("redacting", len(reads), "records", leave=False) as bar:
        for read in reads:
            if read.made is not None and erased.holds(read.made):
                yield Read(read.origin.model_copy(update={"row": None, "why": WHY}))
            else:
                yield redactor.redact(read)
            bar.advance()


def refuse_nothing(incoming: Incoming) -> None:
    found = incoming.found
    if not (found.rows or found.preferences or found.documents):
        whys = ", ".join(f"{count:,} {why}" for why, count in incoming.left_out.most_common())
        problem = f"nothing to learn from: {whys or 'no records'}"
        raise InputError(problem, file=incoming.files[0].path)
