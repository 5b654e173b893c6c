"""What the owner of imported files should know: how they were read, and what is odd in them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from curation.faults.every_fault import FAULTS
from incumbent.importing.foreign_files import FileRead
from incumbent.importing.incoming import Incoming
from project.contacts import Contacts
from project.erasures import texts_of
from project.personal_data import found
from project.progress import progress
from project.records.data import Row, counted

LOOKED_AT = 10_000  # rows that faults are looked for in
FEW = 100  # rows


def notes_of(incoming: Incoming, ours: Contacts) -> list[str]:
    """What its owner should know. Looks at texts alone: nothing heavy is loaded."""
    return [
        *idle_notes(incoming),
        *file_notes(incoming.files),
        *transcript_notes(incoming.files),
        *personal_notes(incoming, ours),
        *row_notes(list(incoming.found.rows.values())),
        *preference_notes(len(incoming.found.preferences)),
    ]


def reading_notes(incoming: Incoming) -> list[str]:
    """How tables were read, such as their encoding: what the screen says beside each."""
    tables = [table for file in incoming.files for table in file.tables]
    of_tables = [f"{table.path}: {note}" for table in tables for note in table.notes]
    return [*of_tables, *(incoming.columns.notes if incoming.columns else ())]


def idle_notes(incoming: Incoming) -> Iterator[str]:
    """Which of the options that were given mean nothing for these files."""
    formats = {file.format for file in incoming.files}
    if idle := incoming.asked.idle_for(formats):
        yield f"of no use for these files: {', '.join(idle)}"


def file_notes(files: Sequence[FileRead]) -> Iterator[str]:
    for file in files:
        for note in file.notes:
            of_file = len(files) > 1 and not note.startswith(str(file.path))
            yield f"{file.path}: {note}" if of_file else note


def transcript_notes(files: Iterable[FileRead]) -> Iterator[str]:
    """That of some conversations earlier answers are not learnt."""
    said = [file for file in files if file.format == "transcripts"]
    rows = [one.made for file in said for one in file.reads if isinstance(one.made, Row)]
    longer = sum(any(turn.role == "assistant" for turn in row.prompt) for row in rows)
    if longer and len(rows) <= sum(file.records for file in said):
        yield "only the last answer of each is learnt: --turns every takes every answer"


def personal_notes(incoming: Incoming, ours: Contacts) -> Iterator[str]:
    everything = [
        *incoming.found.rows.values(),
        *incoming.found.preferences.values(),
        *incoming.found.documents.values(),
    ]
    kinds = Counter[str]()
    with progress("personal data", len(everything), "records", leave=False) as bar:
        for one in everything:
            kinds.update({hit.kind.value for hit in found("\n".join(texts_of(one)), ours)})
            bar.advance()
    if kinds:
        told = ", ".join(f"{kind} in {count:,}" for kind, count in kinds.most_common())
        yield f"personal data, as it seems: {told}. --redact takes it out before it is written"


def row_notes(rows: Sequence[Row]) -> Iterator[str]:
    if 0 < len(rows) < FEW:
        yield f"{counted(len(rows), 'row')}: alone too few, for the gate wants {FEW}"
    looked_at = rows[:LOOKED_AT]
    counts = Counter(name for row in looked_at for name, find in FAULTS.items() if find(row))
    among = f" in the first {LOOKED_AT:,} rows" if len(rows) > LOOKED_AT else ""
    if counts:
        told = ", ".join(f"{n.replace('_', ' ')} in {c:,}" for n, c in counts.most_common())
        yield f"faults{among}: {told}. A run mends them, leaves the row out, or warns"


def preference_notes(count: int) -> Iterator[str]:
    if 0 < count < FEW:
        told = counted(count, "preference")
        yield f"{told}: a run takes them, though `incumbent data check` wants {FEW}"
