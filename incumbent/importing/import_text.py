"""What an import says: what came in, what did not and why, what is odd, and what to do next."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest

from curation.faults.every_fault import FAULTS
from curation.sources.exports.export_judgements import Conflict, agreement
from curation.sources.row_formats import Made
from curation.sources.source_file import EXPORTS
from incumbent.importing.foreign_files import FileRead
from incumbent.importing.incoming import PREFERENCES, ImportChange, Incoming
from incumbent.importing.traffic_feedback import ImportedFeedback, Queues
from incumbent.init.own_sources import LabelledLines, column_lines, file_lines, some
from project.erasures import passage_texts, texts_of
from project.personal_data import Contacts, find_personal_data
from project.progress import progress
from project.records.data import Row, counted
from project.records.preferences import PreferencePair, RatedAnswer
from project.untrusted_input import shortened

SHOWN = 3  # conflicts; things as they were read
LONGEST_SHOWN = 80  # characters of a text
HOW = "datasets/sources/README.md"


def import_lines(incoming: Incoming, notes: Sequence[str], *, dry: bool) -> Iterator[LabelledLines]:
    yield LabelledLines("files", [line for file in incoming.files for line in lines_of(file)])
    yield LabelledLines("not read", list(unread_lines(incoming.files)))
    if incoming.columns:
        yield from column_lines(incoming.columns)
    counts = [counted(count, noun) for noun, count in numbers(incoming).items() if count]
    yield LabelledLines("came in", counts)
    if dry:
        yield LabelledLines("such as", list(sample_lines(incoming)))
    yield LabelledLines("left out", list(lost_lines(incoming)))
    yield LabelledLines("people", list(agreement_lines(incoming)))
    yield LabelledLines("redacted", [f"{n:,} × {kind}" for kind, n in incoming.redacted.items()])
    yield LabelledLines("note", notes)


def lost_lines(incoming: Incoming) -> Iterator[str]:
    """How many records gave nothing, and where the first of them stand."""
    for why, places in sorted(incoming.lost_at.items(), key=lambda lost: -len(lost[1])):
        yield f"{len(places):,} {why}"
        yield f"  {some(places)}"


def unread_lines(files: Iterable[FileRead]) -> Iterator[str]:
    """The files of folders that were not read, by the reason."""
    by_reason: dict[str, list[str]] = {}
    for file in files:
        for path, why in file.unread.items():
            by_reason.setdefault(why, []).append(str(path))
    for why, paths in by_reason.items():
        yield f"{counted(len(paths), 'file')}, {why}: {some(paths)}"


def lines_of(file: FileRead) -> Iterator[str]:
    if file.tables:
        for table in file.tables:
            yield from file_lines(table)
        return
    title = EXPORTS[file.format].title if file.format in EXPORTS else file.format
    yield f"{file.path}: {title}, {counted(file.records, 'record')}"


def numbers(incoming: Incoming) -> dict[str, int]:
    """How many of each kind came in."""
    rated = [item for item in incoming.found.preferences.values() if isinstance(item, RatedAnswer)]
    negative = sum(not item.label for item in rated)
    return {
        "row": len(incoming.found.rows),
        "preference pair": len(incoming.found.preferences) - len(rated),
        "good answer": len(rated) - negative,
        "negative example": negative,
        "document": len(incoming.found.documents),
    }


def sample_of(incoming: Incoming) -> list[dict[str, str]]:
    """The first things that came in, as they were read: at most three, of different kinds."""
    kinds: dict[tuple[type, object], list[Made]] = {}
    data = incoming.found
    for item in (*data.rows.values(), *data.preferences.values(), *data.documents.values()):
        kinds.setdefault((type(item), getattr(item, "label", None)), []).append(item)
    in_turn = (made for several in zip_longest(*kinds.values()) for made in several if made)
    return [as_read(made) for made in islice(in_turn, SHOWN)]


def as_read(made: Made) -> dict[str, str]:
    if isinstance(made, Row):
        system = [turn.content for turn in made.prompt if turn.role == "system"]
        asked = "\n".join(turn.text for turn in made.prompt if turn.role != "system")
        parts = {"prompt": asked, "answer": made.completion_text}
        return {"system": "\n".join(system), **parts} if system else parts
    if isinstance(made, PreferencePair):
        return {"prompt": made.prompt, "better": made.chosen, "worse": made.rejected}
    if isinstance(made, RatedAnswer):
        return {
            "prompt": made.prompt,
            "good answer" if made.label else "bad answer": made.completion,
        }
    return {"document": made.text}


def sample_lines(incoming: Incoming) -> Iterator[str]:
    for sample in sample_of(incoming):
        for place, (part, text) in enumerate(sample.items()):
            yield f"{'  ' if place else ''}{part}: {shortened(text, LONGEST_SHOWN)}"


def conflicts(incoming: Incoming) -> Sequence[Conflict]:
    return agreement(
        judgement for file in incoming.files for judgement in file.judgements
    ).conflicts


def agreement_lines(incoming: Incoming) -> Iterator[str]:
    met = agreement(judgement for file in incoming.files for judgement in file.judgements)
    yield from met.lines
    for conflict in met.conflicts[:SHOWN]:
        places = [f"{opinion.file}:{opinion.line}" for opinion in conflict.opinions]
        yield f"  not alike: task {conflict.task}, at {some(dict.fromkeys(places))}"


# --- traffic --------------------------------------------------------------------------------------


def feedback_lines(
    feedback: ImportedFeedback, new: ImportChange, queues: Queues, *, dry: bool
) -> Iterator[LabelledLines]:
    """What waits, and how a person accepts it."""
    corrected, bad = len(feedback.corrected), len(feedback.negative)
    waiting = [counted(corrected, "correction"), counted(bad, "negative example")]
    yield LabelledLines("waiting", [*waiting, "none of it is trained on until a person accepts it"])
    yield LabelledLines("left out", [f"{n:,} {why}" for why, n in feedback.left_out.most_common()])
    yield LabelledLines("note", feedback.notes)
    if not new:
        what = "nothing: the queue holds all of it already" if new.files else "nothing"
        yield LabelledLines("written", [what])
        return
    yield LabelledLines("would be" if dry else "written", [str(path) for path in new.new_files])
    if not dry:
        yield LabelledLines("next", list(accepting_lines(new, queues)))


def accepting_lines(new: ImportChange, queues: Queues) -> Iterator[str]:
    if queues.labels in new.files:
        yield f"let people confirm or mend {queues.labels} in Label Studio (see {HOW}), then"
        yield '  incumbent data labels EXPORT.json --reason "…"'
    if queues.negatives in new.files:
        yield f"read {queues.negatives}, delete the lines that are not bad, then"
        yield f"  incumbent data import {queues.negatives} --as {queues.name}"


# --- what was done --------------------------------------------------------------------------------


def import_change_lines(new: ImportChange, *, dry: bool) -> Iterator[LabelledLines]:
    """What was written, or would be; and what to do next."""
    if not new:
        yield LabelledLines("written", ["nothing: the project holds all of it already"])
        return
    lines = [str(path) for path in new.new_files]
    lines += [f"params.yaml: {'.'.join(keys)}" for keys, _ in new.settings]
    if dry:
        yield LabelledLines("would be", lines)
        yield LabelledLines("written", ["nothing: --dry-run"])
        return
    yield LabelledLines("written", lines)
    yield LabelledLines("next", list(next_lines(new)))


def next_lines(new: ImportChange) -> Iterator[str]:
    for path in new.new_files:
        many = new.files[path].count(b"\n") >= FEW  # of fewer, a check says no more than that
        if path.parent == PREFERENCES and many:  # which no stage holds against a contract
            yield f"incumbent data check {path} --kind preference"
    yield f"dvc add {' '.join(str(path) for path in new.new_files)}"
    yield "incumbent run   # or dvc repro; what became of each record is in outputs/rows.csv"


# --- import notes ---------------------------------------------------------------------------------

# What the owner of imported files should know: how they were read, and what is odd in them.

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
    """A note that of some conversations earlier answers are not learnt."""
    transcripts = [file for file in files if file.format == "transcripts"]
    rows = [read.made for file in transcripts for read in file.reads if isinstance(read.made, Row)]
    longer = sum(any(turn.role == "assistant" for turn in row.prompt) for row in rows)
    if longer and len(rows) <= sum(file.records for file in transcripts):
        yield "only the last answer of each is learnt: --turns every takes every answer"


def personal_notes(incoming: Incoming, ours: Contacts) -> Iterator[str]:
    everything = [
        *incoming.found.rows.values(),
        *incoming.found.preferences.values(),
        *incoming.found.documents.values(),
    ]
    kinds = Counter[str]()
    with progress("personal data", len(everything), "records", leave=False) as bar:
        for item in everything:
            text = "\n".join((*texts_of(item), *passage_texts(item)))
            kinds.update({hit.kind.value for hit in find_personal_data(text, ours)})
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
