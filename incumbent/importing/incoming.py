"""What the files of an import hold, all of it read before anything is written."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.checks.waivers_file import read_waivers
from curation.collect import Collected, gathered
from curation.sources.columns.wanted import Guess
from curation.sources.reading import Read
from curation.sources.table_rows import UNREADABLE
from incumbent.importing.door_redaction import Redactor
from incumbent.importing.foreign_files import FileRead, holds_corrections, read_files
from incumbent.importing.import_options import ImportOptions
from project.erasures import WHY, Erased, texts_of
from project.errors import InputError
from project.progress import progress

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
        """All that was read: what came in, each thing that was in the files once more, and each
        record of which nothing was made.
        """
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
    """Read every file. Raises InputError with the place of what cannot be read, and where nothing
    in them can be learnt from.
    """
    files, columns = read_files(formats, asked)
    redactor = Redactor(read_waivers().ours)
    reads = [sized(read, file.path, asked) for file in files for read in file.reads]
    found = gathered(at_the_door(reads, redactor) if asked.redact else reads)
    incoming = Incoming(found, files, columns, redactor.kinds, asked)
    refuse_nothing(incoming)
    return incoming


def sized(read: Read, path: Path, asked: ImportOptions) -> Read:
    """A record that can be a text. Raises InputError for another, unless such are left out."""
    texts = texts_of(read.made) if read.made is not None else ()
    longest = max(map(len, texts), default=0)
    if longest <= LONGEST:
        return read
    if not asked.skip:
        problem = f"has a text of {longest:,} characters: does a quote or a line end lack?"
        raise InputError(
            f"{problem} Mend it, or --skip-unreadable", file=path, line=read.origin.line
        )
    return Read(read.origin.model_copy(update={"row": None, "why": UNREADABLE}))


def at_the_door(reads: Sequence[Read], redactor: Redactor) -> Iterator[Read]:
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
