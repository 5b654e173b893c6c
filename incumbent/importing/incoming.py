"""What the files of an import hold, all read before anything is written, and where it goes."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.checks.waivers import read_waivers
from curation.collect import Collected, gathered
from curation.curation_settings import CollectParams, CurateParams, FileSource
from curation.mending import redacted, redacted_text
from curation.sources.columns.column_words import Guess
from curation.sources.row_formats import Made, Read
from curation.sources.table_rows import SOURCES, UNREADABLE
from incumbent.importing.foreign_files import FileRead, holds_corrections, read_files
from incumbent.init.own_sources import HowRead
from project.canonical import digest_json
from project.erasures import WHY, Erased, passage_texts, texts_of
from project.errors import InputError
from project.files import write_bytes
from project.personal_data import Contacts
from project.progress import progress
from project.records.data import ACCEPTED, Document, Row
from project.records.record import Record, read_input
from project.settings import PARAMS, load
from project.yaml_text import with_items

# --- destination ----------------------------------------------------------------------------------

PREFERENCES = Path("datasets/preferences")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")

Item = tuple[tuple[str, ...], Any]  # the keys of a list in params.yaml, and what is to be in it


@dataclass(frozen=True)
class ImportDestination:
    """The files of a name that an import may write."""

    name: str

    @property
    def rows(self) -> Path:
        return SOURCES / f"{self.name}.jsonl"

    @property
    def preferences(self) -> Path:
        return PREFERENCES / f"{self.name}.jsonl"

    @property
    def documents(self) -> Path:
        return SOURCES / f"{self.name}.documents.jsonl"

    @property
    def files(self) -> tuple[Path, ...]:
        return self.rows, self.preferences, self.documents


def destination(name: str | None, files: Sequence[Path]) -> ImportDestination:
    """The destination by its name, or by the first file's. Raises InputError for a bad name."""
    # faq.csv.gz is faq.
    wanted = name or plain_name(files[0].resolve().name.partition(".")[0])
    if not NAME.fullmatch(wanted) or wanted.endswith(".documents"):
        problem = f"{wanted!r} is no name of a file: letters, digits, - _ and . are"
        raise InputError(problem, field="--as")
    chosen = ImportDestination(wanted)
    if chosen.rows.name == ACCEPTED:
        problem = f"{chosen.rows} holds what somebody accepted: `incumbent data labels` adds to it"
        raise InputError(f"{problem}. Choose another name", field="--as")
    return chosen


def plain_name(name: str) -> str:
    """The name in ASCII letters and digits, Ubersicht for Übersicht; `import` if none is left."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", bare).strip("-_")[:80] or "import"


@dataclass(frozen=True)
class ImportChange:
    """What an import changes in the project."""

    files: Mapping[Path, bytes]  # those that are to be there, whole
    new_files: tuple[Path, ...]  # of them, those that are not there yet
    settings: tuple[Item, ...]  # what params.yaml lacks

    @classmethod
    def of(cls, files: Mapping[Path, bytes], items: Iterable[Item] = ()) -> "ImportChange":
        """By what the project holds now."""
        new = tuple(path for path, data in files.items() if not holds(path, data))
        return cls(files, new, tuple(lacking(items)))

    def __bool__(self) -> bool:
        return bool(self.new_files or self.settings)

    def __add__(self, other: "ImportChange") -> "ImportChange":
        files = {**self.files, **other.files}
        return ImportChange(files, self.new_files + other.new_files, self.settings + other.settings)


def import_change(
    collected: Collected,
    to: ImportDestination,
    *,
    train_only: bool = False,
    licence: str | None = None,
) -> ImportChange:
    """What has to be written for the project to hold what was found.

    Rows for training only are named after their file, by which params.yaml has them. Raises
    InputError for a licence that params.yaml has no place for, or has another one of.
    """
    if licence:
        refuse_unplaced(licence, collected, to)
    source = {"source": to.rows.name} if train_only else {}
    records: dict[Path, list[Any]] = {
        to.rows: [
            row.model_copy(update=source) if source else row for row in collected.rows.values()
        ],
        to.preferences: [*collected.preferences.values()],
        to.documents: [*collected.documents.values()],
    }
    files = {path: as_lines(some) for path, some in records.items() if some}
    return ImportChange.of(files, items_for(files, to, train_only=train_only, licence=licence))


def refuse_unplaced(licence: str, collected: Collected, to: ImportDestination) -> None:
    if not (collected.rows or collected.documents):
        problem = "is kept with rows and documents, and these files hold none"
        raise InputError(problem, field="--licence")
    known = [source for source in load(CollectParams).sources if isinstance(source, FileSource)]
    for source in known:
        if source.path in to.files and source.licence != licence:
            problem = f"{source.path} has licence {source.licence or 'null'} there: change it first"
            raise InputError(problem, file=PARAMS, field="--licence")


def as_lines(records: Iterable[Record]) -> bytes:
    return b"".join(record.canonical() + b"\n" for record in records)


def items_for(
    files: Iterable[Path], to: ImportDestination, *, train_only: bool, licence: str | None
) -> list[Item]:
    """What params.yaml must have for these files to be sources."""
    under = {"licence": licence} if licence else {}
    sources, items = ("curation", "collect", "sources"), list[Item]()
    for path, more in ((to.rows, {}), (to.documents, {"format": "texts"})):
        if path in files:
            items.append((sources, {"kind": "file", "path": str(path), **more, **under}))
    if train_only and to.rows in files:
        items.append((("curation", "curate", "train_only"), to.rows.name))
    return items


def lacking(items: Iterable[Item]) -> list[Item]:
    known = {s.path for s in load(CollectParams).sources if isinstance(s, FileSource)}
    alone = load(CurateParams).train_only
    return [
        (keys, item)
        for keys, item in items
        if (Path(item["path"]) not in known if isinstance(item, dict) else item not in alone)
    ]


def refuse_other_content(new: ImportChange, names: Iterable[Path], *, replace: bool) -> None:
    """Raise InputError where one of these files is another import's, or would be left of one."""
    left = [path for path in names if path not in new.files and path.exists()]
    other = [path for path in new.new_files if path.exists()]
    if (other or left) and not replace:
        problem = "is there already, with other content: choose another name by --as, or --replace"
        raise InputError(f"{problem} it", file=(other or left)[0])
    if left:
        problem = "is of an earlier import under this name, and this one has nothing like it"
        raise InputError(f"{problem}: take it away first, and out of {PARAMS}", file=left[0])


def holds(path: Path, data: bytes) -> bool:
    return path.exists() and read_input(path) == data


def write_change(new: ImportChange) -> None:
    """Write what is new, params.yaml last. Raises InputError where that cannot be added to."""
    settings = with_items(read_input(PARAMS).decode(), new.settings, PARAMS)
    for path in new.new_files:
        write_bytes(path, new.files[path])
    if new.settings:
        write_bytes(PARAMS, settings.encode())


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
    asked: HowRead

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


def read_incoming(formats: Mapping[Path, str], asked: HowRead) -> Incoming:
    """Read every file. Raises InputError where one is unreadable, or none has anything."""
    return incoming_of(*read_files(formats, asked), asked)


def incoming_of(files: Sequence[FileRead], columns: Guess | None, asked: HowRead) -> Incoming:
    """What files hold that were read. Raises InputError where it is nothing."""
    redactor = Redactor(read_waivers().ours)
    reads = [sized(read, file.path, asked) for file in files for read in file.reads]
    collected = gathered(redacted_reads(reads, redactor) if asked.redact else reads)
    incoming = Incoming(collected, files, columns, redactor.kinds, asked)
    refuse_nothing(incoming)
    return incoming


def sized(read: Read, path: Path, asked: HowRead) -> Read:
    """A record that can be a text. Raises InputError for another, unless such are left out."""
    made = read.made
    texts = (*texts_of(made), *passage_texts(made)) if made is not None else ()
    texts = (*texts, made.tools_text) if isinstance(made, Row) else texts
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
    collected = incoming.found
    if not (collected.rows or collected.preferences or collected.documents):
        whys = ", ".join(f"{count:,} {why}" for why, count in incoming.left_out.most_common())
        problem = f"nothing to learn from: {whys or 'no records'}"
        raise InputError(problem, file=incoming.files[0].path)
